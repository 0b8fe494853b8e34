import { roundUp } from "../../format/roundUp.js";
import { PANEL, type ScaleType, weightBytes } from "../../format/types.js";
import { maxMagnitude, RowScales, roundScale } from "./rowScaled.js";
import { assertLength, storageType } from "./storageType.js";

/** Fractions of the full range that are tried as a row's range: giving up the largest weight may serve all others. */
const RANGES = [1, 0.99, 0.98, 0.96, 0.94, 0.92, 0.9, 0.87, 0.84, 0.8];

function rowScale(
  weights: Float32Array,
  start: number,
  end: number,
  type: ScaleType,
  importance?: Float64Array,
): number {
  const max = maxMagnitude(weights, start, end);
  if (max === 0) return 0;
  let best = 0;
  let bestError = Number.POSITIVE_INFINITY;
  for (const range of RANGES) {
    const scale = roundScale((max * range) / 127, type);
    const inverse = scale > 0 ? 1 / scale : 0;
    let error = 0;
    for (let i = start; i < end && error < bestError; i++) {
      const weight = weights[i] as number;
      const difference = weight - scale * Math.min(127, Math.max(-127, Math.round(weight * inverse)));
      error += difference * difference * (importance?.[i - start] ?? 1);
    }
    if (error < bestError) {
      bestError = error;
      best = scale;
    }
  }
  // Where no scale reaches the largest weight it is infinite: zeros would hide that the row cannot be stored.
  return best > 0 ? best : roundScale(max / 127, type);
}

/** One scale a row, symmetric, found by least squared error over a few ranges. */
export const i8 = storageType("i8", {
  encode(weights, n, k, scaleType) {
    assertLength(weights.length, n * k, "weights");
    const out = new Uint8Array(weightBytes("i8", n, k, scaleType));
    const scales = new RowScales(out, n, scaleType);
    const kPadded = roundUp(k, PANEL);
    for (let row = 0; row < n; row++) {
      const scale = rowScale(weights, row * k, row * k + k, scaleType);
      scales.set(row, scale);
      const inverse = scale > 0 ? 1 / scale : 0;
      let at = (row - (row % PANEL)) * kPadded + (row % PANEL);
      for (let column = 0; column < k; column++, at += PANEL) {
        out[at] = Math.min(127, Math.max(-127, Math.round((weights[row * k + column] as number) * inverse)));
      }
    }
    return out;
  },
  rowScaled: {
    grid(weights, n, k, importance) {
      assertLength(weights.length, n * k, "weights");
      const scaleOf = (row: number) => rowScale(weights, row * k, row * k + k, "f32", importance);
      const scales = Float32Array.from({ length: n }, (_, row) => scaleOf(row));
      return { low: -127, high: 127, group: k, scales, steps: new Int16Array(n).fill(1) };
    },
    write(numbers, { scales }, n, k) {
      assertLength(numbers.length, n * k, "numbers");
      const out = new Uint8Array(weightBytes("i8", n, k));
      const kept = new RowScales(out, n, "f32");
      const kPadded = roundUp(k, PANEL);
      for (let row = 0; row < n; row++) {
        kept.set(row, scales[row] as number);
        let at = (row - (row % PANEL)) * kPadded + (row % PANEL);
        for (let column = 0; column < k; column++, at += PANEL) out[at] = numbers[row * k + column] as number;
      }
      return out;
    },
  },
  decode(stored, n, k, scaleType) {
    assertLength(stored.length, weightBytes("i8", n, k, scaleType), "stored weights");
    const scales = new RowScales(stored, n, scaleType);
    const kPadded = roundUp(k, PANEL);
    const weights = new Float32Array(n * k);
    for (let row = 0; row < n; row++) {
      const scale = scales.get(row);
      let at = (row - (row % PANEL)) * kPadded + (row % PANEL);
      for (let column = 0; column < k; column++, at += PANEL)
        weights[row * k + column] = scale * (((stored[at] as number) << 24) >> 24);
    }
    return weights;
  },
});
