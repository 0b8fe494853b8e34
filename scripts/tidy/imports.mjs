// Which file imports which, types and dynamic imports included, and where that leads back.
import { dirname, join } from "node:path/posix";
import { blank } from "./blank.mjs";

/** Paths by path: what each TypeScript, JavaScript and Zig file imports of `sources`. */
export function importGraph(sources) {
  const known = new Set(sources.map(({ path }) => path));
  const graph = new Map();
  for (const file of sources) {
    const named =
      file.language === "typescript" ? scriptImports(file) : file.language === "zig" ? zigImports(file) : undefined;
    if (named === undefined) continue;
    const resolved = named.map((name) => resolve(file.path, name, known)).filter((path) => path !== undefined);
    graph.set(file.path, new Set(resolved));
  }
  return graph;
}

function resolve(from, name, known) {
  const path = join(dirname(from), name);
  const tried = [path, path.replace(/\.js$/, ".ts"), path.replace(/\.js$/, ".tsx"), `${path}.ts`, `${path}/index.ts`];
  return tried.find((candidate) => known.has(candidate));
}

function scriptImports({ text, language }) {
  const code = blank(text, language);
  return [...code.matchAll(/\b(?:from|import)\s*\(?\s*"( *)"/g)].flatMap((match) => {
    const end = match.index + match[0].length - 1;
    const name = text.slice(end - match[1].length, end);
    return name.startsWith(".") ? [name] : [];
  });
}

/** A file's `test` blocks import its tests, which import it: that is how Zig finds them, and no cycle. */
function zigImports({ text, language }) {
  const code = blank(text, language).replace(/^(?:test|comptime)\b[^{\n]*\{[^}]*\}/gm, (found) =>
    found.replace(/[^\n]/g, " "),
  );
  return [...code.matchAll(/@import\("( *)"\)/g)].flatMap((match) => {
    const start = match.index + '@import("'.length;
    const name = text.slice(start, start + match[1].length);
    return name.endsWith(".zig") ? [name] : [];
  });
}

/** For every file that imports itself over others: the shortest way, from and to itself. */
export function cyclesOf(graph) {
  const ways = [];
  for (const start of graph.keys()) {
    const before = new Map([[start, undefined]]);
    const queue = [start];
    let last;
    while (queue.length > 0 && last === undefined) {
      const node = queue.shift();
      for (const next of graph.get(node) ?? []) {
        if (next === start) last = node;
        if (before.has(next)) continue;
        before.set(next, node);
        queue.push(next);
      }
    }
    if (last === undefined) continue;
    const way = [start];
    for (let node = last; node !== undefined; node = before.get(node)) way.unshift(node);
    ways.push(way);
  }
  return ways;
}
