import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { cycleOf, importsOf, roomImports } from "./zigImports.mjs";

const CORE = fileURLToPath(new URL("../firmware/components/synapse/core", import.meta.url));

test("no file of the device core imports itself by way of others, and no room another that imports it", () => {
  const imports = importsOf(CORE);
  expect(imports.size).toBeGreaterThan(80);
  expect(cycleOf(imports)).toBeUndefined();
  expect(cycleOf(roomImports(imports))).toBeUndefined();
});

test("routes know no broker, and what parses knows no board", () => {
  const rooms = roomImports(importsOf(CORE));
  expect(rooms.get("routes")).not.toContain("mqtt");
  for (const file of ["limits.zig", "port.zig"]) expect(rooms.get(file)).toEqual([]);
  expect([...(rooms.get("wire") ?? [])].sort()).toEqual(["limits.zig", "port.zig"]);
});

test("a circle is found, of files and of rooms alone, and tests make none", () => {
  const folder = mkdtempSync(join(tmpdir(), "synapse-imports-"));
  const write = (file: string, ...names: string[]) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), names.map((name) => `const x = @import("${name}").x;\n`).join(""));
  };
  try {
    write("root.zig", "std", "a/one.zig");
    write("a/one.zig", "../b/two.zig");
    write("a/leaf.zig");
    write("b/two.zig", "two_test.zig");
    write("b/two_test.zig", "two.zig", "../root.zig");
    expect(cycleOf(importsOf(folder))).toBeUndefined();
    write("b/other.zig", "../a/leaf.zig");
    expect(cycleOf(importsOf(folder))).toBeUndefined();
    expect(cycleOf(roomImports(importsOf(folder)))).toEqual(["a", "b", "a"]);
    write("a/leaf.zig", "../b/other.zig");
    expect(cycleOf(importsOf(folder))).toEqual(["a/leaf.zig", "b/other.zig", "a/leaf.zig"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
