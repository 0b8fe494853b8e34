/** How far a roll-out goes at a time. */
export interface WavePlan {
  /** Boards of the first wave. */
  readonly canaries: number;
  /** Of all boards that have been begun when a wave ends, in percent; the last is 100. */
  readonly percentages: readonly number[];
}

/**
 * Boards in waves: canaries, and then up to each percentage of all. Waves without a board are left out, what no
 * percentage reaches is a last wave.
 */
export function wavesOf(ids: readonly string[], { canaries, percentages }: WavePlan): string[][] {
  const ends = [canaries, ...percentages.map((percent) => Math.ceil((ids.length * percent) / 100)), ids.length];
  const waves: string[][] = [];
  let begun = 0;
  for (const end of ends) {
    if (Math.min(end, ids.length) <= begun) continue;
    waves.push(ids.slice(begun, end));
    begun = Math.min(end, ids.length);
  }
  return waves;
}
