import { maxMagnitude } from "../types/rowScaled.js";
import type { Linalg } from "./linalg.js";

/**
 * What is known of weighted rows of k numbers, as the runtime rounds them to int8: how many there were, their mean, and
 * their second moments about it. What rows of one colour lose by rounding is the same in all of them; moments of rows
 * that were not rounded would not know of that direction, and weights would be free to gather errors in it.
 */
export interface Moments {
  readonly k: number;
  readonly count: number;
  readonly mean: Float64Array;
  /** The mean before rows were rounded. */
  readonly exactMean: Float64Array;
  /** `[k][k]`, symmetric, divided by the sum of weights. */
  readonly covariance: Float64Array;
}

/** The sums that `Moments` are made of, as they are kept in a file. */
export interface MomentSums {
  readonly k: number;
  readonly count: number;
  /** Sum of the rows' weights. */
  readonly weight: number;
  readonly centre: Float64Array;
  /** Of each column without its centre. */
  readonly sums: Float64Array;
  /** The same before rounding. */
  readonly exactSums: Float64Array;
  /** Row i of the upper triangle, from its diagonal on, after row i - 1. */
  readonly upper: Float64Array;
}

/**
 * Gathers second moments in double precision about the mean of the first rows: subtracting what rows have in common
 * before squaring keeps what they differ by, which may be a ten-thousandth of it.
 */
export class MomentGatherer {
  private readonly linalg: Linalg;
  private readonly k: number;
  private readonly moments: number;
  private readonly sums: number;
  private readonly centre: number;
  private count = 0;
  private weight = 0;
  private readonly exactSums: Float64Array;

  constructor(linalg: Linalg, k: number) {
    this.linalg = linalg;
    this.k = k;
    this.exactSums = new Float64Array(k);
    this.moments = linalg.take(k * k * 8);
    this.sums = linalg.take(k * 8);
    this.centre = linalg.take(k * 8);
    for (const [place, count] of [
      [this.moments, k * k],
      [this.sums, k],
      [this.centre, k],
    ] as const)
      linalg.doubles(place, count).fill(0);
  }

  /** Adds rows of k numbers, one after the other, each with its weight above 0. */
  add(rows: Float32Array, weights: Float64Array): void {
    const { linalg, k } = this;
    const count = weights.length;
    if (count === 0) return;
    const mark = linalg.mark();
    const place = linalg.take(rows.byteLength);
    const weightPlace = linalg.take(weights.byteLength);
    const scratch = linalg.takeScratch(k);
    linalg.floats(place, rows.length).set(roundedToInt8(rows, k));
    linalg.doubles(weightPlace, count).set(weights);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const centre = linalg.doubles(this.centre, k);
    if (this.count === 0) {
      rows.forEach((value, i) => {
        centre[i % k] = (centre[i % k] as number) + (value * (weights[Math.floor(i / k)] as number)) / total;
      });
    }
    const { exactSums } = this;
    rows.forEach((value, i) => {
      const column = i % k;
      const weight = weights[Math.floor(i / k)] as number;
      exactSums[column] = (exactSums[column] as number) + weight * (value - (centre[column] as number));
    });
    linalg.calls.accumulate(this.moments, this.sums, this.centre, k, place, weightPlace, count, scratch);
    this.count += count;
    this.weight += total;
    linalg.release(mark);
  }

  save(): MomentSums {
    const { linalg, k } = this;
    const moments = linalg.doubles(this.moments, k * k);
    const upper = new Float64Array((k * (k + 1)) / 2);
    let at = 0;
    for (let i = 0; i < k; i++) {
      upper.set(moments.subarray(i * k + i, (i + 1) * k), at);
      at += k - i;
    }
    const copy = (place: number) => linalg.doubles(place, k).slice();
    return {
      k,
      count: this.count,
      weight: this.weight,
      exactSums: this.exactSums.slice(),
      centre: copy(this.centre),
      sums: copy(this.sums),
      upper,
    };
  }

  restore({ count, weight, centre, sums, exactSums, upper }: MomentSums): void {
    const { linalg, k } = this;
    const moments = linalg.doubles(this.moments, k * k);
    let at = 0;
    for (let i = 0; i < k; i++) {
      moments.set(upper.subarray(at, at + k - i), i * k + i);
      at += k - i;
    }
    linalg.doubles(this.centre, k).set(centre);
    linalg.doubles(this.sums, k).set(sums);
    this.count = count;
    this.weight = weight;
    this.exactSums.set(exactSums);
  }

  /** Throws a RangeError before the first row. */
  result(): Moments {
    const { linalg, k, count, weight } = this;
    if (count === 0) throw new RangeError("no rows were given");
    const moments = linalg.doubles(this.moments, k * k);
    const centre = linalg.doubles(this.centre, k);
    const shift = linalg.doubles(this.sums, k).map((sum) => sum / weight);
    const covariance = new Float64Array(k * k);
    for (let i = 0; i < k; i++) {
      for (let j = i; j < k; j++) {
        const value = (moments[i * k + j] as number) / weight - (shift[i] as number) * (shift[j] as number);
        covariance[i * k + j] = value;
        covariance[j * k + i] = value;
      }
    }
    const mean = centre.map((value, i) => value + (shift[i] as number));
    const exactMean = centre.map((value, i) => value + (this.exactSums[i] as number) / weight);
    return { k, count, mean, exactMean, covariance };
  }
}

/** Rows as the runtime sees them: whole numbers of which 127 are the largest magnitude. */
function roundedToInt8(rows: Float32Array, k: number): Float32Array {
  const rounded = new Float32Array(rows.length);
  for (let start = 0; start < rows.length; start += k) {
    const unit = maxMagnitude(rows, start, start + k) / 127;
    if (unit === 0) continue;
    for (let i = start; i < start + k; i++) rounded[i] = Math.round((rows[i] as number) / unit) * unit;
  }
  return rounded;
}
