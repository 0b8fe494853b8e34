import { expect, test } from "vitest";
// @ts-expect-error: a plain script without types.
import { apply, sites } from "./zigSites.mjs";

interface Site {
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly line: number;
}

const faults = (source: string): string[] => sites(source).map((site: Site) => apply(source, site));

test("a comparison, a connective and a number each become a fault of their own", () => {
  const faulty = faults("fn f(a: u32, b: u32) bool {\n    return a < b and b != 10;\n}\n").map((source) =>
    source.split("\n")[1]?.trim(),
  );
  expect(faulty.sort()).toEqual([
    "return a < b and b != 11;",
    "return a < b and b == 10;",
    "return a < b or b != 10;",
    "return a <= b and b != 10;",
  ]);
});

test("a statement on a line of its own is left out", () => {
  expect(faults("fn f() void {\n    self.count = other;\n    reset();\n}\n")).toEqual([
    "fn f() void {\n    \n    reset();\n}\n",
    "fn f() void {\n    self.count = other;\n    {}\n}\n",
  ]);
});

test("comments, strings, tests, asserts and imports are left alone", () => {
  const source = [
    "//! a < b and 3 + 4",
    'const std = @import("std");',
    'const text = "a < b and 3 + 4";',
    "const lines =",
    "    \\\\a < b and 3 + 4",
    ";",
    "fn f(a: u32) void {",
    "    std.debug.assert(a < 3);",
    "}",
    'test "a < b" {',
    "    try expect(1 < 2 and 3 == 4);",
    "}",
    "",
  ].join("\n");
  expect(faults(source)).toEqual([]);
});

test("pointers, captures, addresses and signs are no operators", () => {
  expect(faults("fn f(p: *const u8, q: []u8) ?*u8 {\n    for (q) |*x| use(&x);\n    return p;\n}\n")).toEqual([]);
  expect(faults("const a = -b;\n")).toEqual([]);
  expect(faults("const a = (b) | (c);\n")).toEqual(["const a = (b) & (c);\n"]);
});

test("every fault changes the source at its place and nowhere else", () => {
  const source = "fn f(a: u32) u32 {\n    if (a >= 4) return a * 2;\n    return @min(a + 1, 7);\n}\n";
  for (const site of sites(source) as Site[]) {
    const changed = apply(source, site);
    expect(changed).not.toBe(source);
    expect(changed.slice(0, site.at)).toBe(source.slice(0, site.at));
    expect(source.split("\n")[site.line - 1]).toContain(site.from);
  }
  expect(sites(source)).toHaveLength(8);
});
