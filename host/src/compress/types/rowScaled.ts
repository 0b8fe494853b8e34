import { rowScaleBytes } from "../../format/types.js";

/**
 * The numbers that the rows of a weight `[n, k]` can hold, chosen before weights are rounded to them: a weight is
 * `scale[row] * clamp(q * step, -128, 127)` with a whole number q of `low..high`.
 */
export interface RowGrid {
  readonly low: number;
  readonly high: number;
  /** Weights along K that share a step. */
  readonly group: number;
  /** One a row. */
  readonly scales: Float32Array;
  /** `[n][ceil(k / group)]`, never 0. */
  readonly steps: Int16Array;
}

/** What a type of one scale a row can do for a quantiser that chooses the integers itself. */
export interface RowScaledCodec {
  /** A grid for these weights; errors in column i count `importance[i]` times, by default all the same. */
  grid(weights: Float32Array, n: number, k: number, importance?: Float64Array): RowGrid;
  /** Stores the whole numbers q, row-major `[n][k]`, of a grid that `grid` answered. */
  write(numbers: Int8Array, grid: RowGrid, n: number, k: number): Uint8Array;
}

/** A view of the scales, one f32 an output, at the end of a stored tensor. */
export function rowScales(stored: Uint8Array, n: number): DataView {
  const bytes = rowScaleBytes(n);
  return new DataView(stored.buffer, stored.byteOffset + stored.byteLength - bytes, bytes);
}

/** The largest magnitude in `values[start..end)`. */
export function maxMagnitude(values: Float32Array, start: number, end: number): number {
  let max = 0;
  for (let i = start; i < end; i++) {
    const magnitude = Math.abs(values[i] as number);
    if (magnitude > max) max = magnitude;
  }
  return max;
}
