import { expect, test } from "vitest";
import { urlOf } from "./url.js";

test.each([
  ["http", "192.0.2.7", "http://192.0.2.7:8080"],
  ["https", "board.local", "https://board.local:8080"],
  ["http", "fe80::1", "http://[fe80::1]:8080"],
  ["mqtt", "::1", "mqtt://[::1]:8080"],
] as const)("%s at %s", (scheme, host, url) => {
  expect(urlOf(scheme, host, 8080)).toBe(url);
  expect(new URL(url).port).toBe("8080");
});
