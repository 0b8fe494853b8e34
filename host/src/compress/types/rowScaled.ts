import { PANEL, roundUp } from "./storageType.js";

/** Bytes of the f32 scales, one an output, that follow the panels of i8, i4 and i3. */
export function rowScaleBytes(n: number): number {
  return roundUp(n, PANEL) * 4;
}

/** A view of those scales at the end of a stored tensor. */
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
