import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (name: string): string => readFileSync(new URL(`../../../${name}`, import.meta.url), "utf8");
const CORE = "firmware/components/synapse/core";
const REFERENCE = read("docs/mqtt.md");

/** Rows of the reference's tables, as the texts of their cells. */
const rows = REFERENCE.split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) => line.split(" | ").map((cell) => cell.replaceAll(/^\| | \|$/g, "").trim()));

test("the reference names every command of the core with its route, and no other", () => {
  const table = [
    ...read(`${CORE}/mqtt/commands.zig`).matchAll(
      /\.name = "(\w+)", \.method = "(\w+)", \.path = "([^"]+)"(?:, \.argument = "(\w+)")?/g,
    ),
  ];
  expect(table.length).toBeGreaterThan(10);
  const commands = table.map(([, name, method, path, argument = "slot"]) => {
    const level = path?.includes("*") ? `/{${argument}}` : "";
    return [`cmd/${name}${level}`, `${method} ${path?.replace("*", `{${argument}}`)}`];
  });
  const documented = rows
    .filter(([first]) => first?.startsWith("`cmd/"))
    .map(([command, route]) => [command?.replaceAll("`", ""), /`([^`]+)`/.exec(route ?? "")?.[1]]);
  expect(documented).toEqual(commands);
});

test("the reference has the bounds of commands", () => {
  const limit = (name: string): number =>
    Number(new RegExp(`pub const ${name} = (\\d+);`).exec(read(`${CORE}/limits.zig`))?.[1]);
  const [, spare = ""] =
    /\[limits\.exchanges_max \+ limits\.tasks_max \+ (\d+)\]Pending/.exec(read(`${CORE}/mqtt/outbox.zig`)) ?? [];
  const tasks = limit("tasks_max");
  const text = REFERENCE.replaceAll(/\s+/g, " ");
  expect(text).toContain(`what changes the board: ${tasks - 1} of its ${tasks} places`);
  expect(text).toContain(`With more than ${limit("exchanges_max") + tasks + Number(spare)} of all kinds`);
});

test("the reference names every state of an update", () => {
  const [, states = ""] = /pub const State = enum \{ ([A-Z, ]+) \};/.exec(read(`${CORE}/board/update.zig`)) ?? [];
  const documented = rows
    .map(([first]) => /^`([A-Z]+)`$/.exec(first ?? "")?.[1])
    .filter((state) => state !== undefined);
  expect(["IDLE", ...documented]).toEqual(states.split(", "));
});

test("the reference has every field of telemetry", () => {
  const fields = [...read(`${CORE}/mqtt/telemetry.zig`).matchAll(/message\.field\w*\("(\w+)"/g)].map(
    ([, name]) => name,
  );
  expect(fields.length).toBeGreaterThan(10);
  const [, section = ""] = REFERENCE.split("## Telemetry");
  for (const name of fields) expect(section.split("\n## ")[0]).toContain(`\`${name}\``);
});
