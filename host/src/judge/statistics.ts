/** Two-sided 95 % of the normal distribution. */
const Z95 = 1.959964;

/** Values in ascending order; a NaN among them makes all NaN, since it has no place in an order. */
export function ascending(values: readonly number[]): Float64Array {
  const sorted = Float64Array.from(values);
  return sorted.some(Number.isNaN) ? sorted.fill(Number.NaN) : sorted.sort();
}

/** The quantile `share` (0..1) of values in ascending order, linear between neighbours. At least one value. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  const below = sorted[low] as number;
  const above = sorted[Math.min(low + 1, sorted.length - 1)] as number;
  return below + (above - below) * (place - low);
}

/** 95 % confidence interval of a rate: Wilson's score interval. */
export function wilson(successes: number, count: number): readonly [low: number, high: number] {
  const rate = successes / count;
  const square = (Z95 * Z95) / count;
  const middle = rate + square / 2;
  const half = Z95 * Math.sqrt((rate * (1 - rate)) / count + square / (4 * count));
  return [Math.max(0, (middle - half) / (1 + square)), Math.min(1, (middle + half) / (1 + square))];
}

/**
 * McNemar's exact test of paired outcomes: the two-sided chance that the `onlyFirst + onlySecond` pairs in which two
 * contestants differ fall this unevenly, when each is as likely as the other to be the one that succeeds.
 */
export function mcnemarExact(onlyFirst: number, onlySecond: number): number {
  const differ = onlyFirst + onlySecond;
  // Summed as logarithms: the binomial coefficients of many pairs overflow.
  let logTerm = -differ * Math.LN2;
  let tail = Math.exp(logTerm);
  for (let k = 1; k <= Math.min(onlyFirst, onlySecond); k++) {
    logTerm += Math.log((differ - k + 1) / k);
    tail += Math.exp(logTerm);
  }
  return Math.min(1, 2 * tail);
}

/** The chance that a positive's score is above a negative's, ties counted half: the area under the ROC curve. */
export function auroc(negatives: readonly number[], positives: readonly number[]): number {
  const sorted = ascending(negatives);
  const below = (score: number, orEqual: boolean) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const value = sorted[middle] as number;
      if (value < score || (orEqual && value === score)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  if ([...negatives, ...positives].some(Number.isNaN)) return Number.NaN;
  const wins = positives.reduce((sum, score) => sum + (below(score, false) + below(score, true)) / 2, 0);
  return wins / (positives.length * negatives.length);
}
