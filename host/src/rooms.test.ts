import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SRC = dirname(fileURLToPath(import.meta.url));
const IMPORT = /(?:\bfrom|\bimport\()\s*"(\.{1,2}\/[^"]+)\.js"/g;

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Product files and what they import, types included. */
function importsOf(): Graph {
  const files = (readdirSync(SRC, { recursive: true }) as string[]).filter((file) =>
    /(?<!\.test|\.test\.helper)\.ts$/.test(file),
  );
  return new Map(
    files.map((file) => {
      const text = readFileSync(join(SRC, file), "utf8");
      return [
        file,
        new Set(
          [...text.matchAll(IMPORT)].map(([, to]) => `${relative(SRC, join(SRC, dirname(file), to as string))}.ts`),
        ),
      ];
    }),
  );
}

/** A way from somewhere back to itself, or undefined. */
function cycleOf(graph: Graph): string[] | undefined {
  const done = new Set<string>();
  const way: string[] = [];
  const walk = (node: string): string[] | undefined => {
    if (way.includes(node)) return [...way.slice(way.indexOf(node)), node];
    if (done.has(node)) return undefined;
    way.push(node);
    for (const next of graph.get(node) ?? []) {
      const found = walk(next);
      if (found) return found;
    }
    way.pop();
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const found = walk(node);
    if (found) return found;
  }
  return undefined;
}

/**
 * Folders of the first level; those below belong to their parent, and reports to their views only the other way round.
 */
function roomOf(file: string): string {
  const folder = dirname(file);
  return folder.startsWith("report/") ? folder : (folder.split("/")[0] as string);
}

test("no file imports itself, over any number of others", () => {
  const graph = importsOf();
  expect(graph.size).toBeGreaterThan(150);
  expect(cycleOf(graph)).toBeUndefined();
});

test("no room imports itself, over any number of others", () => {
  const rooms = new Map<string, Set<string>>();
  for (const [file, imports] of importsOf()) {
    const from = roomOf(file);
    const seen = rooms.get(from) ?? new Set();
    for (const to of imports) if (roomOf(to) !== from) seen.add(roomOf(to));
    rooms.set(from, seen);
  }
  expect(rooms.size).toBeGreaterThan(15);
  expect(cycleOf(rooms)).toBeUndefined();
});

test("reports are data: they know neither their views nor who makes them", () => {
  for (const [file, imports] of importsOf()) {
    if (roomOf(file) !== "report") continue;
    for (const to of imports)
      expect(["report/text", "report/html", "run", "compile", "boards", "cli"], `${file} imports ${to}`).not.toContain(
        roomOf(to),
      );
  }
});
