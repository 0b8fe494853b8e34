/** What a person wants to know of a latent at a glance. */
export interface LatentStats {
  readonly count: number;
  readonly norm: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
}

/** NaN anywhere in `values` shows as NaN in every figure. */
export function latentStats(values: ArrayLike<number>): LatentStats {
  let sum = 0;
  let squares = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    sum += value;
    squares += value * value;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return { count: values.length, norm: Math.sqrt(squares), mean: sum / values.length, min, max };
}

/** Euclidean distance of two latents: how far the world is predicted to have moved. */
export function latentDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let squares = 0;
  for (let index = 0; index < a.length; index++) squares += ((a[index] as number) - (b[index] as number)) ** 2;
  return Math.sqrt(squares);
}
