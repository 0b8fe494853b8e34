// Counts of findings by rule and first folder that the tree has today. They may only fall.
import { placeOf } from "./sources.mjs";

/** `{ rule: { place: count } }`, sorted, without zeros. */
export function countFindings(found) {
  const counts = {};
  for (const { rule, path } of [...found].sort((a, b) =>
    `${a.rule} ${placeOf(a.path)}` < `${b.rule} ${placeOf(b.path)}` ? -1 : 1,
  )) {
    counts[rule] ??= {};
    counts[rule][placeOf(path)] = (counts[rule][placeOf(path)] ?? 0) + 1;
  }
  return counts;
}

/** Every rule and place whose count is not the ratchet's: `{ rule, place, count, allowed }`. */
export function compareCounts(counts, ratchet) {
  const keys = new Set(
    [counts, ratchet].flatMap((all) =>
      Object.entries(all).flatMap(([rule, by]) => Object.keys(by).map((p) => `${rule}\t${p}`)),
    ),
  );
  return [...keys].sort().flatMap((key) => {
    const [rule, place] = key.split("\t");
    const [count, allowed] = [counts[rule]?.[place] ?? 0, ratchet[rule]?.[place] ?? 0];
    return count === allowed ? [] : [{ rule, place, count, allowed }];
  });
}

function total(counts, rule) {
  return Object.values(counts[rule] ?? {}).reduce((sum, count) => sum + count, 0);
}

/** Rules of which there are more than the ratchet allows, over all places: files may move, the sum may not rise. */
export function risen(counts, ratchet) {
  return Object.keys(counts).flatMap((rule) => {
    const [count, allowed] = [total(counts, rule), total(ratchet, rule)];
    return count > allowed ? [{ rule, count, allowed }] : [];
  });
}

/** The lines that a diff without context adds, by path. */
export function addedLines(diff) {
  const added = new Map();
  let lines;
  let before = "";
  for (const line of diff.split("\n")) {
    // A line of a file may begin like a header: only behind `---` is it one.
    if (before.startsWith("--- ") && line.startsWith("+++ ")) {
      const path = /^\+\+\+ "?b\/(.*?)"?\t?$/.exec(line)?.[1];
      lines = new Set();
      if (path !== undefined) added.set(path, lines);
    }
    const [, first, count = "1"] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? [];
    for (let at = 0; first !== undefined && at < Number(count); at++) lines?.add(Number(first) + at);
    before = line;
  }
  return added;
}
