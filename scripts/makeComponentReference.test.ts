import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { componentPage } from "./make-component-reference.mjs";

const fileOf = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const HEADER = fileOf("firmware/components/synapse/include/synapse_esp.h");
const page = fileOf("docs/component.md");

test("docs/component.md says what header and Kconfig say: run scripts/make-component-reference.mjs", () => {
  expect(page).toBe(componentPage());
});

test("every function and every event of the header is in it", () => {
  const functions = [...HEADER.matchAll(/\b(synapse_esp_\w+)\((?!\))/g)].map(([, name]) => name as string);
  expect(functions.length).toBeGreaterThan(10);
  for (const name of functions) expect(page).toContain(`### \`${name}\`\n`);
  const events = [...HEADER.matchAll(/\b(SYNAPSE_ESP_EVENT_\w+) = /g)].map(([, name]) => name as string);
  for (const name of events) expect(page).toContain(`| \`${name}\` |`);
});

test("every field of the configuration has a default and says what it is", () => {
  const configuration = page.slice(page.indexOf("## Configuration"), page.indexOf("## Events"));
  const rows = configuration.split("\n").filter((line) => line.startsWith("| `"));
  expect(rows.length).toBeGreaterThan(25);
  for (const row of rows) expect(row).toMatch(/^\| `\w+` \| `[^`]+` \| `[^`]+` \| \S.* \|$/);
});
