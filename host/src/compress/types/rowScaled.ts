import { f16Upward, f16Value } from "../../format/float16.js";
import { rowScaleBytes, type ScaleType } from "../../format/types.js";

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

/** The scales at the end of a stored tensor, one an output. */
export class RowScales {
  readonly #view: DataView;
  readonly #type: ScaleType;

  constructor(stored: Uint8Array, n: number, type: ScaleType) {
    const bytes = rowScaleBytes(n, type);
    this.#view = new DataView(stored.buffer, stored.byteOffset + stored.byteLength - bytes, bytes);
    this.#type = type;
  }

  get(row: number): number {
    if (this.#type === "f32") return this.#view.getFloat32(row * 4, true);
    return f16Value(this.#view.getUint16(row * 2, true));
  }

  /** A scale as `roundScale` gave it. */
  set(row: number, scale: number): void {
    if (this.#type === "f32") this.#view.setFloat32(row * 4, scale, true);
    else this.#view.setUint16(row * 2, f16Upward(scale), true);
  }
}

/**
 * A scale as it can be stored, before anything is divided by it, so that nothing is lost. Halves are rounded up: the
 * largest weight stays within reach, and a scale that is not 0 does not become 0.
 */
export function roundScale(scale: number, type: ScaleType): number {
  return type === "f32" ? Math.fround(scale) : f16Value(f16Upward(scale));
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
