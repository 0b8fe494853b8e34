import { f16Values } from "../checkpoint/half.js";

const f32View = new Float32Array(1);
const u32View = new Uint32Array(f32View.buffer);

/** The bits of the IEEE 754 half nearest to `value` (ties to even). Too large numbers become infinity. */
export function f16Bits(value: number): number {
  f32View[0] = value;
  const bits = u32View[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  const halfExponent = exponent - 112;
  if (halfExponent >= 31) return sign | 0x7c00;
  if (halfExponent <= 0) {
    // A subnormal half: the fraction with its hidden bit is shifted to units of 2^-24.
    if (halfExponent < -10) return sign;
    const shift = 14 - halfExponent;
    return sign | roundShift(fraction | 0x800000, shift);
  }
  // Rounding up may carry into the exponent, which is the right result, up to infinity.
  return sign | ((halfExponent << 10) + roundShift(fraction, 13));
}

function roundShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}

/** The bits of the smallest half that is at least `value`, a number from 0 on: infinity above 65,504. */
export function f16Upward(value: number): number {
  const bits = f16Bits(value);
  return f16Value(bits) < value ? bits + 1 : bits;
}

/** The value of a half, exact. */
export function f16Value(bits: number): number {
  return f16Values()[bits] as number;
}
