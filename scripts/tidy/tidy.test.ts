import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { blank } from "./blank.mjs";
import { functionsOf } from "./functions.mjs";
import { addedLines, compareCounts, countFindings, risen } from "./ratchet.mjs";
import { findings } from "./rules.mjs";
import { readSources, source } from "./sources.mjs";

interface Finding {
  readonly rule: string;
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** What tidy finds in a tree of these files, `path:line rule: text` each. */
function found(files: Readonly<Record<string, string>>, rule: string): string[] {
  const all = findings(Object.entries(files).map(([path, text]) => source(path, text))) as Finding[];
  return all.filter((finding) => finding.rule === rule).map(({ path, line, text }) => `${path}:${line} ${text}`);
}

const lines = (count: number, of = "    x();") => Array.from({ length: count }, () => of).join("\n");

describe("line-length", () => {
  test("code and text have 120 columns", () => {
    const files = {
      "a/a.zig": `${"x".repeat(120)}\n${"x".repeat(121)}`,
      "a/b.ts": `${"x".repeat(120)}\n${"x".repeat(121)}`,
      "a/c.md": `${"x".repeat(120)}\n${"ä".repeat(121)}`,
    };
    expect(found(files, "line-length")).toEqual([
      "a/a.zig:2 121 columns; at most 120",
      "a/b.ts:2 121 columns; at most 120",
      "a/c.md:2 121 columns; at most 120",
    ]);
  });

  test("rows of tables, addresses and what nobody writes by hand are let be", () => {
    const address = `https://example.com/${"x".repeat(200)}`;
    const files = {
      "a.md": `| ${"x".repeat(200)} |\n[a](${address})`,
      "b.ts": `// ${address}`,
      "a/fixtures/c.ts": "x".repeat(200),
    };
    expect(found(files, "line-length")).toEqual([]);
  });
});

describe("function-length", () => {
  const long = 70;
  test.each([
    ["a.ts", `function f(a: { b: number }): { c: number } {\n${lines(long)}\n}`, "f has 72 lines; at most 70"],
    ["a.ts", `class A {\n  async #g<T>(x: T): Promise<void> {\n${lines(long)}\n  }\n}`, "#g has 72 lines; at most 70"],
    ["a.ts", `const h = (a) => {\n${lines(long)}\n};`, "h has 72 lines; at most 70"],
    ["a.zig", `pub fn f(a: u8) error{Bad}!void {\n${lines(long)}\n}`, "f has 72 lines; at most 70"],
    ["a.zig", `test "all" {\n${lines(long)}\n}`, 'test "all" has 72 lines; at most 70'],
    ["a.py", `def f(\n    a,\n) -> None:\n${lines(long)}\n\nx = 1`, "f has 73 lines; at most 70"],
    ["a.c", `static int f(int a)\n{\n${lines(long)}\n}`, "f has 73 lines; at most 70"],
  ])("%s %#", (path, text, expected) => {
    expect(found({ [path]: text }, "function-length").map((finding) => finding.replace(/^\S+ /, ""))).toEqual([
      expected,
    ]);
    expect(found({ [path]: text.replace(lines(long), lines(long - 3)) }, "function-length")).toEqual([]);
  });

  test("what holds functions is none: groups of tests, and types that Zig makes", () => {
    const files = {
      "a.test.ts": `describe("x", () => {\n${lines(long)}\n});`,
      "suite.ts": `export function suite() {\n  test("x", () => {});\n${lines(long)}\n}`,
      "a.zig": `fn List(comptime T: type) type {\n    return struct {\n${lines(long)}\n    };\n}`,
    };
    expect(found(files, "function-length")).toEqual([]);
  });

  test("braces in strings, comments, templates and regular expressions count for nothing", () => {
    const text =
      `function f() {\n  const a = "}"; // }\n  const b = \`}\${{ c: "}" }}\`;\n` +
      `  return /[}/]"/.test(a) ? '}' : b;\n}\nlet x;`;
    expect(functionsOf(source("a.ts", text))).toEqual([{ name: "f", line: 1, lines: 5 }]);
    expect(functionsOf(source("a.zig", "fn f() void {\n    g(\"}\", '}', // }\n        \\\\ }\n    );\n}"))).toEqual([
      { name: "f", line: 1, lines: 5 },
    ]);
  });
});

test("file-length: 500 lines of code, documents as long as they are", () => {
  const files = { "a.ts": lines(501), "b.zig": `${lines(500)}\n`, "c.md": lines(600) };
  expect(found(files, "file-length")).toEqual(["a.ts:501 501 lines; at most 500"]);
});

test("title: one a document, whatever stands in code", () => {
  const files = {
    "a.md": "# One\n\n```sh\n# a comment\n```\n",
    "b.md": "# One\n\n# Two",
    "c.md": "none",
    ".github/d.md": "none",
  };
  expect(found(files, "title")).toEqual([
    "b.md:3 2 titles (# ..); one a document",
    "c.md:1 0 titles (# ..); one a document",
  ]);
});

describe("unused", () => {
  test("Zig: imports and private declarations of their file, public ones of all files", () => {
    const files = {
      "a.zig":
        'const std = @import("std");\nconst b = @import("b.zig");\nconst text = "gone kept";\n' +
        "pub fn main() void {\n    b.used();\n}\n// std\n",
      "b.zig": "pub fn used() void {}\npub fn gone_too() void {}\nfn own() void {}\n",
    };
    expect(found(files, "unused")).toEqual([
      "a.zig:1 std: nothing names this import; remove it",
      "a.zig:3 text: nothing names this declaration; remove it",
      "b.zig:2 gone_too: nothing names this public declaration; remove it",
      "b.zig:3 own: nothing names this declaration; remove it",
    ]);
  });

  test("Zig: what a table that Zig prints has by reflection is named there", () => {
    expect(found({ "limits.zig": "pub const rows_max = 4;\n", "format.json": '{"rows_max": 4}' }, "unused")).toEqual(
      [],
    );
  });

  test("TypeScript: exports whose name stands nowhere else", () => {
    const files = {
      "a.ts": "export function used() {}\nexport interface Gone {}\n",
      "b.ts": 'import { used } from "./a.js";\nused();',
    };
    expect(found(files, "unused")).toEqual(["a.ts:2 Gone: nothing names this export; remove it"]);
  });
});

describe("import-cycle", () => {
  test("is told of every file in it, types and imports at run time included", () => {
    const files = {
      "a.ts": 'import type { B } from "./b.js";',
      "b.ts": 'export * from "./c.js";',
      "c.ts": 'const a = await import("./a.js");',
      "d.ts": 'import { a } from "./a.js";',
    };
    expect(found(files, "import-cycle")).toEqual([
      "a.ts:1 imports itself: a.ts -> b.ts -> c.ts -> a.ts; cut the way somewhere",
      "b.ts:1 imports itself: b.ts -> c.ts -> a.ts -> b.ts; cut the way somewhere",
      "c.ts:1 imports itself: c.ts -> a.ts -> b.ts -> c.ts; cut the way somewhere",
    ]);
  });

  test("Zig: files, and not what test blocks import or strings say", () => {
    const files = {
      "a.zig": 'const b = @import("x/b.zig");\ntest {\n    _ = @import("a_test.zig");\n}\n',
      "a_test.zig": 'const a = @import("a.zig");',
      "x/b.zig": 'const a = @import("../a.zig");',
      "c.ts": "const text = 'import \"./c.js\"';",
    };
    expect(found(files, "import-cycle").map((finding) => finding.split(" ")[0])).toEqual(["a.zig:1", "x/b.zig:1"]);
  });
});

test("dead-file: neither imported, named, run, nor found by its name", () => {
  const files = {
    "package.json": '{"scripts": {"go": "node scripts/go.mjs"}}',
    "scripts/go.mjs": 'import "./used.mjs"; start("process");',
    "scripts/used.mjs": "",
    "scripts/process.mjs": "",
    "scripts/dead.mjs": "// node scripts/dead.mjs",
    "a.test.ts": "",
    "build.zig": 'tool(b, "gzip");',
    "setup.sh": "zig build --build-file build.zig; sh setup.sh",
    "gzip.zig": "",
    "gone.zig": "",
    "p/__init__.py": "",
    "p/a.py": "from .b import (\n    c,\n)\nfrom . import d",
    "p/b.py": "",
    "p/d.py": "",
    "p/test_a.py": "from p import a",
    "p/e.py": "",
  };
  expect(found(files, "dead-file").map((finding) => finding.split(":")[0])).toEqual([
    "gone.zig",
    "p/e.py",
    "scripts/dead.mjs",
    "setup.sh",
  ]);
});

describe("ratchet", () => {
  const finding = (rule: string, path: string) => ({ rule, path, line: 1, text: "" });
  const counts = countFindings([
    finding("title", "docs/a.md"),
    finding("title", "a.md"),
    finding("dead-file", "docs/b.ts"),
  ]);

  test("counts by rule and first folder", () => {
    expect(counts).toEqual({ "dead-file": { docs: 1 }, title: { ".": 1, docs: 1 } });
  });

  test("every difference is told, above and below", () => {
    expect(compareCounts(counts, counts)).toEqual([]);
    expect(compareCounts(counts, { title: { docs: 3, host: 2 } })).toEqual([
      { rule: "dead-file", place: "docs", count: 1, allowed: 0 },
      { rule: "title", place: ".", count: 1, allowed: 0 },
      { rule: "title", place: "docs", count: 1, allowed: 3 },
      { rule: "title", place: "host", count: 0, allowed: 2 },
    ]);
  });

  test("files may move between folders, and no rule's sum may rise", () => {
    expect(risen(counts, { "dead-file": { sim: 1 }, title: { docs: 2 } })).toEqual([]);
    expect(risen(counts, { title: { docs: 1 } })).toEqual([
      { rule: "dead-file", count: 1, allowed: 0 },
      { rule: "title", count: 2, allowed: 1 },
    ]);
  });
});

test("a diff says which lines are new", () => {
  const diff = [
    "diff --git a/a.ts b/a.ts",
    "--- a/a.ts",
    "+++ b/a.ts",
    "@@ -3 +3,2 @@ f() {",
    "-old",
    "+new",
    "+++ b/no name of a file, a line that begins so",
    "@@ -9,2 +11,0 @@",
    "diff --git a/b.ts b/b.ts",
    "--- a/b.ts",
    "+++ /dev/null",
    "@@ -1 +0,0 @@",
    "-gone",
    "diff --git a/c d.ts b/c d.ts",
    "--- /dev/null",
    "+++ b/c d.ts\t",
    "@@ -0,0 +1 @@",
    "+all",
  ].join("\n");
  expect([...addedLines(diff)]).toEqual([
    ["a.ts", new Set([3, 4])],
    ["c d.ts", new Set([1])],
  ]);
});

describe("the tree", () => {
  const folder = mkdtempSync(join(tmpdir(), "synapse-tidy-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("a folder that git does not know is an error, not an empty tree", () => {
    writeFileSync(join(folder, "a.ts"), "");
    expect(() => readSources(folder)).toThrow(/git ls-files failed/);
  });

  test("blanking keeps every offset and line", () => {
    const root = join(import.meta.dirname, "..", "..");
    for (const { text, language, path } of readSources(root)) {
      const code = blank(text, language) as string;
      expect(code.length, path).toBe(text.length);
      expect(code.split("\n").length, path).toBe(text.split("\n").length);
    }
  });
});
