/** Number of single-character edits between two texts (Levenshtein), or `limit` + 1 if it is more. */
export function editDistance(a: string, b: string, limit: number): number {
  const over = limit + 1;
  if (Math.abs(a.length - b.length) > limit) return over;
  // Only lengths within the limit of each other can be so near: the rest of the table, which is most of it for long
  // names, stays "more".
  let previous = new Uint16Array(b.length + 2).map((_, j) => Math.min(j, over));
  let row = new Uint16Array(b.length + 2).fill(over);
  for (let i = 1; i <= a.length; i++) {
    const from = Math.max(1, i - limit);
    const to = Math.min(b.length, i + limit);
    row[from - 1] = from === 1 ? Math.min(i, over) : over;
    let least = row[from - 1] as number;
    for (let j = from; j <= to; j++) {
      const cost = a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1;
      const value = Math.min(
        (previous[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (previous[j - 1] as number) + cost,
        over,
      );
      row[j] = value;
      if (value < least) least = value;
    }
    row[to + 1] = over;
    if (least > limit) return over;
    [previous, row] = [row, previous];
  }
  return previous[b.length] as number;
}

/** The names most like one of the wanted ones, best first. Looks at 4,096 names at most. */
export function nearestNames(wanted: readonly string[], names: Iterable<string>, count: number): string[] {
  const scored: { name: string; distance: number }[] = [];
  let looked = 0;
  for (const name of names) {
    if (looked++ === 4096) break;
    const text = name.slice(0, 200);
    const limit = 24;
    const distance = Math.min(
      ...wanted.map((want) => (text.endsWith(want) || want.endsWith(text) ? 1 : editDistance(want, text, limit))),
    );
    if (distance <= limit) scored.push({ name, distance });
  }
  return scored
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ name }) => name);
}
