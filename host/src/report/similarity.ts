/** How near two vectors are. `cosine` is NaN when either is all zero or not finite. */
export interface Similarity {
  readonly cosine: number;
  readonly maxAbsError: number;
}

/** Compares two vectors of the same length; sums in double precision. */
export function similarity(actual: ArrayLike<number>, expected: ArrayLike<number>): Similarity {
  if (actual.length !== expected.length) throw new RangeError(`vectors of ${actual.length} and ${expected.length} values`);
  let dot = 0;
  let actualSquares = 0;
  let expectedSquares = 0;
  let maxAbsError = 0;
  for (let index = 0; index < actual.length; index++) {
    const a = actual[index] as number;
    const e = expected[index] as number;
    dot += a * e;
    actualSquares += a * a;
    expectedSquares += e * e;
    // Math.max keeps a NaN, which a comparison would lose.
    maxAbsError = Math.max(maxAbsError, Math.abs(a - e));
  }
  return { cosine: dot / Math.sqrt(actualSquares * expectedSquares), maxAbsError };
}

/** Many comparisons of one kind. */
export interface SimilaritySummary {
  readonly count: number;
  readonly cosineMean: number;
  readonly cosineWorst: number;
  readonly maxAbsError: number;
}

/** Mean and worst cosine and the largest error; NaN anywhere shows as NaN in mean, worst and error. */
export function summarise(samples: readonly Similarity[]): SimilaritySummary {
  if (samples.length === 0) throw new RangeError("no samples to summarise");
  const worst = samples.reduce((least, { cosine }) => Math.min(least, cosine), 1);
  const error = samples.reduce((most, { maxAbsError }) => Math.max(most, maxAbsError), 0);
  const mean = samples.reduce((sum, { cosine }) => sum + cosine, 0) / samples.length;
  return { count: samples.length, cosineMean: mean, cosineWorst: worst, maxAbsError: error };
}
