import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { cyclesOf, importGraph } from "./tidy/imports.mjs";

const CORE = fileURLToPath(new URL("../firmware/components/synapse/core/", import.meta.url));

type Graph = Map<string, Set<string>>;

/** Tests, what only they use, and fuzzers may look at everything. */
const LOOKS_AT_ALL = /_test\.zig$|(?:^|\/)(?:test_\w+|fuzz_root)\.zig$|(?:^|\/)fuzz\//;

/** A folder of the first level is a room; a file beside the rooms is one of its own. */
const roomOf = (file: string): string => file.split("/")[0] ?? "";

function roomsOf(imports: Graph): Graph {
  const rooms: Graph = new Map();
  for (const [file, names] of imports) {
    const room = rooms.get(roomOf(file)) ?? new Set();
    for (const name of names) if (roomOf(name) !== roomOf(file)) room.add(roomOf(name));
    rooms.set(roomOf(file), room);
  }
  return rooms;
}

function coreImports(): Graph {
  const files = readdirSync(CORE, { recursive: true, encoding: "utf8" }).map((file) => file.replaceAll("\\", "/"));
  const sources = files
    .filter((file) => file.endsWith(".zig") && !LOOKS_AT_ALL.test(file))
    .map((path) => ({ path, language: "zig", text: readFileSync(CORE + path, "utf8") }));
  return importGraph(sources);
}

test("no room of the device core imports another that imports it, whatever lies between", () => {
  const imports = coreImports();
  expect(imports.size).toBeGreaterThan(80);
  expect(cyclesOf(imports)).toEqual([]);
  expect(cyclesOf(roomsOf(imports))).toEqual([]);
});

test("routes know no broker, and what parses knows no board", () => {
  const rooms = roomsOf(coreImports());
  expect([...(rooms.get("routes") ?? [])]).not.toContain("mqtt");
  for (const file of ["limits.zig", "port.zig"]) expect([...(rooms.get(file) ?? [])]).toEqual([]);
  expect([...(rooms.get("wire") ?? [])].sort()).toEqual(["limits.zig", "port.zig"]);
});

test("a circle of rooms is found where no file imports itself", () => {
  const source = (path: string, ...names: string[]) => ({
    path,
    language: "zig",
    text: names.map((name) => `const x = @import("${name}").x;\n`).join(""),
  });
  const imports = importGraph([
    source("root.zig", "std", "a/one.zig"),
    source("a/one.zig", "../b/two.zig"),
    source("a/leaf.zig"),
    source("b/two.zig"),
    source("b/other.zig", "../a/leaf.zig"),
  ]);
  expect(cyclesOf(imports)).toEqual([]);
  expect(cyclesOf(roomsOf(imports))[0]).toEqual(["a", "b", "a"]);
});
