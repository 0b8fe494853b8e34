// Which files of a folder of Zig sources import which, and where that goes in a circle.
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

/** Tests, what only they use, and fuzzers may look at everything. */
const LOOKS_AT_ALL = /_test\.zig$|(?:^|\/)(?:test_\w+|fuzz_root)\.zig$|(?:^|\/)fuzz\//;

/** For each file, by its path in the folder, those that it imports. */
export function importsOf(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => file.replaceAll("\\", "/"));
  return new Map(
    names
      .filter((file) => file.endsWith(".zig") && !LOOKS_AT_ALL.test(file))
      .map((file) => [file, imported(readFileSync(join(folder, file), "utf8")).map((name) => posix.join(posix.dirname(file), name))]),
  );
}

/** The files that a text imports, as it names them. */
function imported(text) {
  return [...text.matchAll(/@import\("([^"]+\.zig)"\)/g)].map(([, name]) => name);
}

/** A folder of the first level is a room; a file beside the rooms is one of its own. */
export const roomOf = (file) => file.split("/")[0];

/** The same for rooms: which rooms a room imports from. */
export function roomImports(imports) {
  const rooms = new Map();
  for (const [file, names] of imports) {
    const room = roomOf(file);
    const others = names.map(roomOf).filter((other) => other !== room);
    rooms.set(room, [...new Set([...(rooms.get(room) ?? []), ...others])]);
  }
  return rooms;
}

/** A way from something back to itself, or undefined when there is none. */
export function cycleOf(imports) {
  const done = new Set();
  const path = [];
  const visit = (name) => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return undefined;
    path.push(name);
    for (const next of imports.get(name) ?? []) {
      const found = visit(next);
      if (found) return found;
    }
    path.pop();
    done.add(name);
    return undefined;
  };
  for (const name of imports.keys()) {
    const found = visit(name);
    if (found) return found;
  }
  return undefined;
}
