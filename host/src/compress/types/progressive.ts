import { roundUp } from "../../format/roundUp.js";
import {
  PANEL,
  type PanelPiece,
  panelBytes,
  type ScaleType,
  type StorageTypeName,
  weightBytes,
  weightTraits,
} from "../../format/types.js";

import { maxMagnitude, type RowGrid, RowScales, roundScale } from "./rowScaled.js";

import { assertLength, type StorageType, storageType } from "./storageType.js";

/** Weights along K that share a 4-bit scale code. */
export const GROUP = 32;

/** Bits of the stored numbers: `bits` of each from bit `shift` on, in `rows` bytes from byte `first` of the group. */
interface BitField {
  readonly bits: number;
  readonly rows: number;
  readonly first: number;
  readonly shift: number;
}

/** Number k in half k / 16 of byte k % 16. */
export const nibbles = (first: number, shift: number): BitField => ({ bits: 4, rows: 16, first, shift });
/** Number k in bit pair k / 8 of byte k % 8. */
export const pairs = (first: number, shift: number): BitField => ({ bits: 2, rows: 8, first, shift });
/** Number k in bit k / 4 of byte k % 4. */
export const singles = (first: number, shift: number): BitField => ({ bits: 1, rows: 4, first, shift });

/** What differs between the kinds. */
export interface ProgressiveCodec {
  readonly name: StorageTypeName;
  /** Stored numbers are `low..high`, kept with `-low` added. */
  readonly low: number;
  readonly high: number;
  /** w8 = clamp(q * m * factor, -128, 127). */
  readonly factor: number;
  /** The largest magnitude of a multiplier that is worth a try; 8 when absent. */
  readonly multiplierMax?: number;
  readonly fields: readonly BitField[];
}

/** Stores 32 unsigned numbers of one output; byte j of the group belongs at `out[at + j * 16]`. */
function write(fields: readonly BitField[], stored: Uint8Array, out: Uint8Array, at: number): void {
  for (const { bits, rows, first, shift } of fields) {
    for (let k = 0; k < GROUP; k++) {
      const to = at + (first + (k % rows)) * PANEL;
      const value = ((stored[k] as number) >> shift) & ((1 << bits) - 1);
      out[to] = (out[to] as number) | (value << (Math.floor(k / rows) * bits));
    }
  }
}

function read(fields: readonly BitField[], bytes: Uint8Array, at: number, stored: Uint8Array): void {
  stored.fill(0);
  for (const { bits, rows, first, shift } of fields) {
    for (let k = 0; k < GROUP; k++) {
      const byte = bytes[at + (first + (k % rows)) * PANEL] as number;
      const value = (byte >> (Math.floor(k / rows) * bits)) & ((1 << bits) - 1);
      stored[k] = (stored[k] as number) | (value << shift);
    }
  }
}

/** The integer that code c (0..15) stands for: 1..8, then -1..-8. */
export function codeMultiplier(code: number): number {
  const magnitude = (code & 7) + 1;
  return code & 8 ? -magnitude : magnitude;
}

/** The code of an integer of `codeMultiplier`. */
function multiplierCode(multiplier: number): number {
  return multiplier > 0 ? multiplier - 1 : 7 - multiplier;
}

/**
 * Row ranges that are tried, as fractions of the largest magnitude: a smaller range gives finer group scales and clips
 * a few weights.
 */
const RANGES = [1.08, 1, 0.93, 0.86, 0.79, 0.72];

class RowEncoder {
  readonly codes: Uint8Array;
  readonly stored: Uint8Array;
  private readonly values: Float64Array;
  private readonly codec: ProgressiveCodec;
  private readonly importance: Float64Array;
  private readonly scaleType: ScaleType;

  /** Squared errors of column i count `importance[i]` times, by default once. */
  constructor(codec: ProgressiveCodec, k: number, scaleType: ScaleType, importance = new Float64Array(k).fill(1)) {
    this.codec = codec;
    this.importance = importance;
    this.scaleType = scaleType;
    this.codes = new Uint8Array(k / GROUP);
    this.stored = new Uint8Array(k);
    this.values = new Float64Array(k);
  }

  /** Finds the row's scale, each group's code and all stored numbers; returns the scale. */
  encode(weights: Float32Array, start: number): number {
    const k = this.values.length;
    const max = maxMagnitude(weights, start, start + k);
    let best = 0;
    let bestError = Number.POSITIVE_INFINITY;
    if (max > 0) {
      for (const range of RANGES) {
        const scale = roundScale((max * range) / 128, this.scaleType);
        if (scale === 0) continue;
        const error = this.search(weights, start, scale) * scale * scale;
        if (error < bestError) {
          bestError = error;
          best = scale;
        }
      }
    }
    if (best === 0) {
      this.codes.fill(0);
      this.stored.fill(-this.codec.low);
      // Where no scale reaches the largest weight it is infinite: zeros would hide that the row cannot be stored.
      return roundScale(max / 128, this.scaleType);
    }
    this.search(weights, start, best);
    const refined = this.refine(weights, start, best);
    const refinedError = this.search(weights, start, refined) * refined * refined;
    if (refinedError <= bestError) return refined;
    this.search(weights, start, best);
    return best;
  }

  /** Chooses each group's code for a row scale; returns the squared error in units of the scale squared. */
  private search(weights: Float32Array, start: number, scale: number): number {
    const { values, codec } = this;
    const { multiplierMax = 8 } = codec;
    const inverse = 1 / scale;
    for (let i = 0; i < values.length; i++) values[i] = (weights[start + i] as number) * inverse;
    let total = 0;
    for (let group = 0; group < this.codes.length; group++) {
      const from = group * GROUP;
      let bestCode = 0;
      let bestError = Number.POSITIVE_INFINITY;
      // Large steps fit most groups, so starting with them lets the others stop early.
      for (let code = 15; code >= 0; code--) {
        if (Math.abs(codeMultiplier(code)) > multiplierMax) continue;
        const error = this.groupError(from, codeMultiplier(code) * codec.factor, bestError);
        if (error < bestError) {
          bestError = error;
          bestCode = code;
        }
      }
      this.codes[group] = bestCode;
      total += bestError;
      this.store(from, codeMultiplier(bestCode) * codec.factor);
    }
    return total;
  }

  private groupError(from: number, step: number, limit: number): number {
    const { values, importance } = this;
    const { low, high } = this.codec;
    const inverse = 1 / step;
    let error = 0;
    for (let i = from; i < from + GROUP; ) {
      // Looking at the limit after every eighth weight is cheaper than after each.
      for (const end = i + 8; i < end; i++) {
        const value = values[i] as number;
        const q = Math.floor(value * inverse + 0.5);
        const w8 = (q < low ? low : Math.min(q, high)) * step;
        const difference = value - Math.min(w8, 127);
        error += difference * difference * (importance[i] as number);
      }
      if (error >= limit) return error;
    }
    return error;
  }

  private store(from: number, step: number): void {
    const { low, high } = this.codec;
    for (let i = from; i < from + GROUP; i++) {
      const q = Math.floor((this.values[i] as number) / step + 0.5);
      this.stored[i] = (q < low ? low : Math.min(q, high)) - low;
    }
  }

  /** The scale of least squared error for the integers just chosen. */
  private refine(weights: Float32Array, start: number, fallback: number): number {
    let product = 0;
    let square = 0;
    for (let i = 0; i < this.stored.length; i++) {
      const w8 = expand(this.codec, this.stored[i] as number, this.codes[Math.floor(i / GROUP)] as number);
      const importance = this.importance[i] as number;
      product += (weights[start + i] as number) * w8 * importance;
      square += w8 * w8 * importance;
    }
    const scale = square > 0 ? roundScale(Math.max(product / square, 0), this.scaleType) : 0;
    return scale > 0 && Number.isFinite(scale) ? scale : fallback;
  }
}

function expand(codec: ProgressiveCodec, stored: number, code: number): number {
  return Math.max(-128, Math.min(127, (stored + codec.low) * codeMultiplier(code) * codec.factor));
}

/** Scales and steps as `RowEncoder` finds them; rows are filled up with zeros to whole groups. */
function progressiveGrid(
  codec: ProgressiveCodec,
  weights: Float32Array,
  n: number,
  k: number,
  importance: Float64Array | undefined,
): RowGrid {
  assertLength(weights.length, n * k, "weights");
  const whole = roundUp(k, GROUP);
  const groups = whole / GROUP;
  const counts = new Float64Array(whole);
  counts.set(importance ?? new Float64Array(k).fill(1));
  const encoder = new RowEncoder(codec, whole, "f32", counts);
  const row = new Float32Array(whole);
  const scales = new Float32Array(n);
  const steps = new Int16Array(n * groups);
  for (let i = 0; i < n; i++) {
    row.set(weights.subarray(i * k, (i + 1) * k));
    scales[i] = encoder.encode(row, 0);
    encoder.codes.forEach((code, group) => {
      steps[i * groups + group] = codeMultiplier(code) * codec.factor;
    });
  }
  return { low: codec.low, high: codec.high, group: GROUP, scales, steps };
}

/** Stores whole numbers of a grid by `putRow`, which takes unsigned numbers and group codes. */
function writeNumbers(
  codec: ProgressiveCodec,
  numbers: Int8Array,
  grid: RowGrid,
  n: number,
  k: number,
  putRow: (out: Uint8Array, row: number, k: number, stored: Uint8Array, codes: Uint8Array) => void,
): Uint8Array {
  assertLength(numbers.length, n * k, "numbers");
  const out = new Uint8Array(weightBytes(codec.name, n, k));
  const scales = new RowScales(out, n, "f32");
  const whole = roundUp(k, GROUP);
  const groups = whole / GROUP;
  const stored = new Uint8Array(whole).fill(-codec.low);
  for (let row = 0; row < n; row++) {
    scales.set(row, grid.scales[row] as number);
    for (let i = 0; i < k; i++) stored[i] = (numbers[row * k + i] as number) - codec.low;
    const steps = grid.steps.subarray(row * groups, (row + 1) * groups);
    putRow(
      out,
      row,
      whole,
      stored,
      Uint8Array.from(steps, (step) => multiplierCode(step / codec.factor)),
    );
  }
  return out;
}

/**
 * A type of one scale a row, one 4-bit code a group of 32, and numbers that expand to int8 in integers (after
 * QServe's W4A8).
 */
export function progressiveType(codec: ProgressiveCodec): StorageType {
  const { name } = codec;
  /** Bytes of a group of sixteen outputs. */
  const groupBytes = (weightTraits(name).panel[0] as PanelPiece).bytes;
  /** Where output `row` keeps byte 0 of group 0, and its first group scale. */
  const places = (row: number, k: number) => {
    const panel = Math.floor(row / PANEL) * panelBytes(name, k) + (row % PANEL);
    return { numbers: panel, scales: panel + (k / GROUP) * groupBytes };
  };
  /** Puts one row's unsigned numbers and group codes where they belong. */
  const putRow = (out: Uint8Array, row: number, k: number, stored: Uint8Array, codes: Uint8Array) => {
    const at = places(row, k);
    for (let group = 0; group < k / GROUP; group++) {
      write(codec.fields, stored.subarray(group * GROUP, (group + 1) * GROUP), out, at.numbers + group * groupBytes);
      const to = at.scales + (group >> 1) * PANEL;
      out[to] = (out[to] as number) | ((codes[group] as number) << ((group & 1) * 4));
    }
  };
  return storageType(name, {
    encode(weights, n, k, scaleType) {
      assertLength(weights.length, n * k, "weights");
      const out = new Uint8Array(weightBytes(name, n, k, scaleType));
      const scales = new RowScales(out, n, scaleType);
      const encoder = new RowEncoder(codec, k, scaleType);
      for (let row = 0; row < n; row++) {
        scales.set(row, encoder.encode(weights, row * k));
        putRow(out, row, k, encoder.stored, encoder.codes);
      }
      return out;
    },
    rowScaled: {
      grid: (weights, n, k, importance) => progressiveGrid(codec, weights, n, k, importance),
      write: (numbers, grid, n, k) => writeNumbers(codec, numbers, grid, n, k, putRow),
    },
    decode(stored, n, k, scaleType) {
      assertLength(stored.length, weightBytes(name, n, k, scaleType), "stored weights");
      const scales = new RowScales(stored, n, scaleType);
      const weights = new Float32Array(n * k);
      const numbers = new Uint8Array(GROUP);
      for (let row = 0; row < n; row++) {
        const scale = scales.get(row);
        const at = places(row, k);
        for (let group = 0; group < k / GROUP; group++) {
          read(codec.fields, stored, at.numbers + group * groupBytes, numbers);
          const code = ((stored[at.scales + (group >> 1) * PANEL] as number) >> ((group & 1) * 4)) & 15;
          for (let i = 0; i < GROUP; i++)
            weights[row * k + group * GROUP + i] = scale * expand(codec, numbers[i] as number, code);
        }
      }
      return weights;
    },
  });
}
