import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const RELATIVE = /(?:\bfrom|\bimport)\s*\(?\s*"(\.{1,2}\/[^"]+\.js)"/g;

/**
 * Compiled modules that the entries need, with the declarations beside them: paths below `folder`,
 * in the order of their names.
 */
export function reachable(folder, entries) {
  const found = new Set();
  const waiting = [...entries];
  while (waiting.length > 0) {
    const file = waiting.pop();
    if (found.has(file)) continue;
    const path = join(folder, file);
    if (!existsSync(path)) throw new Error(`${path} does not exist; \`npm run build\` makes it`);
    found.add(file);
    for (const [, to] of readFileSync(path, "utf8").matchAll(RELATIVE))
      waiting.push(...withDeclarations(folder, join(dirname(file), to)));
  }
  return [...found].sort();
}

/** A module and what describes it: of a module of types alone others import the declarations only. */
export function withDeclarations(folder, file) {
  const declarations = file.replace(/\.js$/, ".d.ts");
  return existsSync(join(folder, declarations)) ? [file, declarations] : [file];
}
