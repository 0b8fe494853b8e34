/**
 * What the words of these figures mean, here and in training/diagnostics.py; docs/verify.md says it to users, and
 * similarity.cases.json holds both programs to it. Squares below `ROUNDING_SHARE` of a vector's own squares are the
 * rounding of f32, and no difference.
 *
 * - A pair that is equal has a cosine of 1 from wherever it is seen, and an error of 0.
 * - A pair that is not, and whose expected vector lies where the cosine is taken from, has none. Of the plain cosines
 *   it enters neither mean nor worst. Of the centred ones its error stands for it: 1 less half of its relative error,
 *   which is what the cosine is of an error that small, and passes a bar when the error is as small as the bar asks.
 *   Where it is the actual vector that lies there, the cosine is 0.
 * - Rows of one run are seen from the mean of the rows of their number: what tells the third row from the first in
 *   every run is its position, and no answer to what went in. Their variance is that within the numbers. Rows of a
 *   number that varies less than `STILL_SHARE` of that, the only row of a number among them, have their errors stand
 *   for their cosines: seen from its mean, the rounding of a right answer would be all that is left of it.
 * - Where the expected vectors are all the same, or each is the only row of its number, there is no variance: the
 *   centred figures are those of equal pairs where all pairs are equal and some number has two rows, and none
 *   otherwise.
 * - A value that is not finite makes every figure NaN that its sample enters.
 */
const ROUNDING_SHARE = 1e-12;
const STILL_SHARE = 1e-2;

/** How near two vectors are. `cosine` is undefined where there is none, NaN where a value is not finite. */
export interface Similarity {
  readonly cosine: number | undefined;
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

/**
 * What a model gave and what it should have given, for one input. Pairs that are summarised together have one length.
 */
export interface SamplePair {
  readonly actual: ArrayLike<number>;
  readonly expected: ArrayLike<number>;
  /** Number of the row within its run, 0 when absent. */
  readonly row?: number;
}

/** Many comparisons of one kind. NaN anywhere in a sample shows as NaN in every figure that it enters. */
export interface SimilaritySummary {
  readonly count: number;
  /** Numbers of rows that samples have: positions of a run. 1 where no output has rows. */
  readonly positions: number;
  /** Null where no sample has a cosine: the expected vectors are all zero, and the actual ones are not. */
  readonly cosineMean: number | null;
  readonly cosineWorst: number | null;
  /**
   * Cosine after the mean of the expected vectors is taken from both. What all outputs of a model have in common says
   * nothing about its inputs, and is most of the plain cosine. Null where there is no such thing: of fewer than two
   * samples, or of expected vectors that are all the same while the actual ones are others.
   */
  readonly centredCosineMean: number | null;
  readonly centredCosineWorst: number | null;
  /**
   * Mean squared error of a sample over the variance of the expected vectors (over samples, mean of the columns). Null
   * as above.
   */
  readonly relativeErrorMean: number | null;
  readonly relativeErrorWorst: number | null;
  readonly maxAbsError: number;
}

/** Means and worst figures of at least one sample. */
export function summarise(samples: readonly SamplePair[]): SimilaritySummary {
  if (samples.length === 0) throw new RangeError("no samples to summarise");
  const plain = samples.map(({ actual, expected }) => similarity(actual, expected));
  const cosines = plain.map(({ cosine }) => cosine).filter(isDefined);
  const centred = centredFigures(samples);
  return {
    count: samples.length,
    positions: new Set(samples.map(({ row = 0 }) => row)).size,
    cosineMean: mean(cosines),
    cosineWorst: least(cosines),
    centredCosineMean: centred && mean(centred.cosines),
    centredCosineWorst: centred && least(centred.cosines),
    relativeErrorMean: centred && mean(centred.relativeErrors),
    relativeErrorWorst: centred && most(centred.relativeErrors),
    maxAbsError: most(plain.map(({ maxAbsError }) => maxAbsError)) as number,
  };
}

/** The figures of each sample: those that `summarise` takes mean and worst of, and null where it has none. */
export function sampleFigures(samples: readonly SamplePair[]): {
  readonly cosines: readonly number[];
  readonly centred: readonly number[] | null;
  readonly relativeErrors: readonly number[] | null;
} {
  const centred = centredFigures(samples);
  return {
    cosines: samples.map(({ actual, expected }) => similarity(actual, expected).cosine).filter(isDefined),
    centred: centred?.cosines ?? null,
    relativeErrors: centred?.relativeErrors ?? null,
  };
}

function centredFigures(samples: readonly SamplePair[]): { cosines: number[]; relativeErrors: number[] } | null {
  const { centres, variances, variance, meanSquare } = spread(samples);
  if (variance === null) return null;
  if (variance <= ROUNDING_SHARE * meanSquare) {
    if (samples.some(({ actual }) => !Array.from(actual).every(Number.isFinite)))
      return { cosines: [Number.NaN], relativeErrors: [Number.NaN] };
    if (!samples.every(isEqual)) return null;
    return { cosines: samples.map(() => 1), relativeErrors: samples.map(() => 0) };
  }
  const relativeErrors = samples.map(({ actual, expected }) => meanSquaredError(actual, expected) / variance);
  const cosines = samples.map(({ actual, expected, row = 0 }, index) => {
    const error = relativeErrors[index] as number;
    const varies = (variances.get(row) as number) > STILL_SHARE * variance;
    const cosine = varies ? cosineAbout(actual, expected, centres.get(row)) : undefined;
    return cosine ?? (Number.isFinite(error) ? 1 - error / 2 : Number.NaN);
  });
  return { cosines, relativeErrors };
}

/** The expected vectors of one row number. */
interface Centre {
  readonly sums: Float64Array;
  count: number;
}

/**
 * Of the expected vectors the mean for each row number, and over all columns the mean of their variances about those,
 * for each number and for all (of n less one for each number; null where that leaves none), and of their squares.
 */
function spread(samples: readonly SamplePair[]): {
  centres: ReadonlyMap<number, Float64Array>;
  variances: ReadonlyMap<number, number>;
  variance: number | null;
  meanSquare: number;
} {
  const width = (samples[0] as SamplePair).expected.length;
  const gathered = new Map<number, Centre>();
  for (const { expected, row = 0 } of samples) {
    const centre = gathered.get(row) ?? { sums: new Float64Array(width), count: 0 };
    gathered.set(row, centre);
    requireSameLength(expected, centre.sums);
    centre.count += 1;
    for (let index = 0; index < width; index++)
      centre.sums[index] = (centre.sums[index] as number) + (expected[index] as number);
  }
  const centres = new Map([...gathered].map(([row, { sums, count }]) => [row, sums.map((sum) => sum / count)]));
  let squares = 0;
  const deviations = new Map([...gathered.keys()].map((row) => [row, 0]));
  for (const { expected, row = 0 } of samples) {
    const centre = centres.get(row) as Float64Array;
    let own = 0;
    for (let index = 0; index < width; index++) {
      squares += (expected[index] as number) ** 2;
      own += ((expected[index] as number) - (centre[index] as number)) ** 2;
    }
    deviations.set(row, (deviations.get(row) as number) + own);
  }
  const all = [...deviations.values()].reduce((sum, each) => sum + each, 0);
  const free = samples.length - centres.size;
  return {
    centres,
    variances: new Map(
      [...gathered].map(([row, { count }]) => [
        row,
        (deviations.get(row) as number) / (width * Math.max(count - 1, 1)),
      ]),
    ),
    variance: free === 0 ? null : all / (width * free),
    meanSquare: squares / (width * samples.length),
  };
}

/** The cosine of two vectors as seen from `centre`, or from the origin; undefined where there is none. */
function cosineAbout(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  centre: Float64Array | undefined,
): number | undefined {
  const own = { actual: 0, expected: 0 };
  const seen = { actual: 0, expected: 0, dot: 0 };
  let error = 0;
  for (let index = 0; index < actual.length; index++) {
    const [a, e] = [actual[index] as number, expected[index] as number];
    const origin = centre === undefined ? 0 : (centre[index] as number);
    own.actual += a * a;
    own.expected += e * e;
    seen.actual += (a - origin) ** 2;
    seen.expected += (e - origin) ** 2;
    seen.dot += (a - origin) * (e - origin);
    error += (a - e) ** 2;
  }
  if (!Number.isFinite(seen.actual + seen.expected)) return Number.NaN;
  if (error === 0) return 1;
  if (seen.expected <= ROUNDING_SHARE * own.expected) return error <= ROUNDING_SHARE * own.expected ? 1 : undefined;
  if (seen.actual <= ROUNDING_SHARE * own.actual) return 0;
  return seen.dot / Math.sqrt(seen.actual * seen.expected);
}

/** Whether a pair is the same but for the rounding of f32. */
function isEqual({ actual, expected }: SamplePair): boolean {
  let own = 0;
  let error = 0;
  for (let index = 0; index < actual.length; index++) {
    own += (expected[index] as number) ** 2;
    error += ((actual[index] as number) - (expected[index] as number)) ** 2;
  }
  return error <= ROUNDING_SHARE * own;
}

function meanSquaredError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let squares = 0;
  for (let index = 0; index < actual.length; index++)
    squares += ((actual[index] as number) - (expected[index] as number)) ** 2;
  return squares / actual.length;
}

// Samples are as many as somebody saved: as arguments of one call they would overflow the stack.
function least(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY);
}

function most(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((high, value) => Math.max(high, value), Number.NEGATIVE_INFINITY);
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function isDefined(value: number | undefined): value is number {
  return value !== undefined;
}

function requireSameLength(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  if (actual.length !== expected.length)
    throw new RangeError(`vectors of ${actual.length} and ${expected.length} values`);
}
