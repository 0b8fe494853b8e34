import { expect, test } from "vitest";
import {
  formatBytes,
  formatCount,
  formatMilliseconds,
  formatPercent,
  formatShape,
  formatValue,
  plural,
} from "./format.js";

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.00 KiB"],
  [38_400, "37.5 KiB"],
  [18 * 1024 * 1024, "18.0 MiB"],
  [3 * 2 ** 30, "3.00 GiB"],
])("%d bytes read as %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test.each([
  [303, "303"],
  [18_042_672, "18.0 M"],
  [1.67e9, "1.67 G"],
])("a count of %d reads as %s", (count, text) => expect(formatCount(count)).toBe(text));

test.each([
  [0.0005, "500 ns"],
  [0.0312, "31.2 µs"],
  [12.48, "12.5 ms"],
  [12_482, "12.5 s"],
])("%d milliseconds read as %s", (ms, text) => expect(formatMilliseconds(ms)).toBe(text));

test("a share that rounds to nothing is still shown as something", () => {
  expect(formatPercent(0)).toBe("0.0 %");
  expect(formatPercent(0.0004)).toBe("<0.1 %");
  expect(formatPercent(1)).toBe("100.0 %");
});

test("a dynamic first dimension reads as a maximum", () => {
  expect(formatShape([3, 192], true)).toBe("[<=3, 192]");
  expect(formatShape([224, 224, 3])).toBe("[224, 224, 3]");
});

test("values of a latent line up, whatever their size", () => {
  for (const value of [0, -0.42131, 13.86, 1e-9, -123456, Number.NaN]) expect(formatValue(value)).toHaveLength(8);
});

test("plurals", () => {
  expect(plural(1, "op")).toBe("1 op");
  expect(plural(1204, "op")).toBe("1,204 ops");
});
