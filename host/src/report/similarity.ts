/** How near two vectors are. `cosine` is NaN when either is all zero or not finite. */
export interface Similarity {
  readonly cosine: number;
  readonly maxAbsError: number;
}

/** Compares two vectors of the same length; sums in double precision. */
export function similarity(actual: ArrayLike<number>, expected: ArrayLike<number>): Similarity {
  requireSameLength(actual, expected);
  let maxAbsError = 0;
  for (let index = 0; index < actual.length; index++) {
    // Math.max keeps a NaN, which a comparison would lose.
    maxAbsError = Math.max(maxAbsError, Math.abs((actual[index] as number) - (expected[index] as number)));
  }
  return { cosine: cosineAbout(actual, expected, undefined), maxAbsError };
}

/** What a model gave and what it should have given, for one input. Pairs that are summarised together have one length. */
export interface SamplePair {
  readonly actual: ArrayLike<number>;
  readonly expected: ArrayLike<number>;
}

/** Many comparisons of one kind. NaN anywhere in a sample shows as NaN in every figure that it enters. */
export interface SimilaritySummary {
  readonly count: number;
  readonly cosineMean: number;
  readonly cosineWorst: number;
  /**
   * Cosine after the mean of the expected vectors is taken from both. What all outputs of a model have in common says nothing about its
   * inputs, and is most of the plain cosine. Null where there is no such thing: of fewer than two samples, or of expected vectors that are
   * all the same.
   */
  readonly centredCosineMean: number | null;
  readonly centredCosineWorst: number | null;
  /** Mean squared error of a sample over the variance of the expected vectors (over samples, mean of the columns). Null as above. */
  readonly relativeErrorMean: number | null;
  readonly relativeErrorWorst: number | null;
  readonly maxAbsError: number;
}

/** Variance below this share of the mean square is the rounding of f32, and no difference of the samples. */
const VARIANCE_SHARE_MIN = 1e-12;

/** Means and worst figures of at least one sample. */
export function summarise(samples: readonly SamplePair[]): SimilaritySummary {
  if (samples.length === 0) throw new RangeError("no samples to summarise");
  const plain = samples.map(({ actual, expected }) => similarity(actual, expected));
  const cosines = plain.map(({ cosine }) => cosine);
  const centred = centredFigures(samples);
  return {
    count: samples.length,
    cosineMean: mean(cosines),
    cosineWorst: Math.min(...cosines),
    centredCosineMean: centred && mean(centred.cosines),
    centredCosineWorst: centred && Math.min(...centred.cosines),
    relativeErrorMean: centred && mean(centred.relativeErrors),
    relativeErrorWorst: centred && Math.max(...centred.relativeErrors),
    maxAbsError: Math.max(...plain.map(({ maxAbsError }) => maxAbsError)),
  };
}

function centredFigures(samples: readonly SamplePair[]): { cosines: number[]; relativeErrors: number[] } | null {
  if (samples.length < 2) return null;
  const { centre, variance, meanSquare } = spread(samples.map(({ expected }) => expected));
  if (variance <= VARIANCE_SHARE_MIN * meanSquare) return null;
  return {
    cosines: samples.map(({ actual, expected }) => cosineAbout(actual, expected, centre)),
    relativeErrors: samples.map(({ actual, expected }) => meanSquaredError(actual, expected) / variance),
  };
}

/** Mean of the vectors, and over all columns the mean of their variances (of n - 1) and of their squares. */
function spread(vectors: readonly ArrayLike<number>[]): { centre: Float64Array; variance: number; meanSquare: number } {
  const width = (vectors[0] as ArrayLike<number>).length;
  const centre = new Float64Array(width);
  for (const vector of vectors) {
    requireSameLength(vector, centre);
    for (let index = 0; index < width; index++) centre[index] = (centre[index] as number) + (vector[index] as number) / vectors.length;
  }
  let squares = 0;
  let deviations = 0;
  for (const vector of vectors) {
    for (let index = 0; index < width; index++) {
      squares += (vector[index] as number) ** 2;
      deviations += ((vector[index] as number) - (centre[index] as number)) ** 2;
    }
  }
  return { centre, variance: deviations / (width * (vectors.length - 1)), meanSquare: squares / (width * vectors.length) };
}

/** The cosine of two vectors as seen from `centre`, or from the origin. */
function cosineAbout(actual: ArrayLike<number>, expected: ArrayLike<number>, centre: Float64Array | undefined): number {
  let dot = 0;
  let actualSquares = 0;
  let expectedSquares = 0;
  for (let index = 0; index < actual.length; index++) {
    const origin = centre === undefined ? 0 : (centre[index] as number);
    const a = (actual[index] as number) - origin;
    const e = (expected[index] as number) - origin;
    dot += a * e;
    actualSquares += a * a;
    expectedSquares += e * e;
  }
  return dot / Math.sqrt(actualSquares * expectedSquares);
}

function meanSquaredError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let squares = 0;
  for (let index = 0; index < actual.length; index++) squares += ((actual[index] as number) - (expected[index] as number)) ** 2;
  return squares / actual.length;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function requireSameLength(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  if (actual.length !== expected.length) throw new RangeError(`vectors of ${actual.length} and ${expected.length} values`);
}
