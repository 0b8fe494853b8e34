import { rowScaleBytes } from "../../format/types.js";

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
