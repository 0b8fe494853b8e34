/** Number of single-character edits between two texts (Levenshtein), or `limit` + 1 if it is more. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const value = Math.min((previous[j] as number) + 1, (row[j - 1] as number) + 1, (previous[j - 1] as number) + cost);
      row.push(value);
      least = Math.min(least, value);
    }
    if (least > limit) return limit + 1;
    previous = row;
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
    const distance = Math.min(...wanted.map((want) => (text.endsWith(want) || want.endsWith(text) ? 1 : editDistance(want, text, limit))));
    if (distance <= limit) scored.push({ name, distance });
  }
  return scored
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ name }) => name);
}
