/** A repeatable source of numbers in [-1, 1) for tests (xorshift32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 31 - 1;
  };
}

/** Normally distributed numbers (Box-Muller). */
export function seededNormals(seed: number, count: number, deviation = 1): Float32Array {
  const random = seededRandom(seed);
  const unit = () => (random() + 1) / 2;
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(unit() + 1e-12)) * Math.cos(2 * Math.PI * unit()) * deviation,
  );
}
