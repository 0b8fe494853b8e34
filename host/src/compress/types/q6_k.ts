import { f16Value } from "../../format/float16.js";
import { clamp, f16At, ggufType, roundingError, scaleBits, setF16, signedPeak } from "./ggufBlocks.js";

const SUB_BLOCKS = 16;
const SUB = 16;
const LOW = 0;
const HIGH = 128;
const SCALES = 192;
const D = 208;

/** The numbers of steps that the largest weight of a sub-block may take. */
const RANGES = [-32, -31.5, -31, -30.5, -30, -29, 31, 30.5, 30, 29];

function fitSubBlock(x: Float32Array, at: number): number {
  const peak = signedPeak(x, at, SUB);
  let best = 0;
  let bestError = Number.POSITIVE_INFINITY;
  for (const range of RANGES) {
    const step = peak / range;
    const error = roundingError(x, at, SUB, step, -32, 31);
    if (error < bestError) {
      bestError = error;
      best = step;
    }
  }
  return best;
}

/** Where weight k = 128 h + 32 c + j of a block keeps its four low bits and its two high bits. */
function place(k: number): { low: number; lowShift: number; high: number; highShift: number } {
  const half = k >> 7;
  const chunk = (k >> 5) & 3;
  const j = k & 31;
  return {
    low: LOW + 64 * half + 32 * (chunk & 1) + j,
    lowShift: chunk < 2 ? 0 : 4,
    high: HIGH + 32 * half + j,
    highShift: chunk * 2,
  };
}

const places = Array.from({ length: 256 }, (_, k) => place(k));

/** Super-blocks of 256 in sixteen sub-blocks of 16: w = d * scale * (value - 32). */
export const q6_k = ggufType({
  name: "q6_k",
  quantize(x, at, block, blockAt) {
    const steps = Float32Array.from({ length: SUB_BLOCKS }, (_, i) => fitSubBlock(x, at + i * SUB));
    // The largest step takes scale -128, the end of int8 that reaches furthest.
    const dBits = scaleBits(signedPeak(steps, 0, SUB_BLOCKS) / -128);
    const d = f16Value(dBits);
    setF16(block, blockAt + D, dBits);
    for (let i = 0; i < SUB_BLOCKS; i++) {
      const scale = d === 0 ? 0 : clamp(Math.round((steps[i] as number) / d), -128, 127);
      block[blockAt + SCALES + i] = scale;
      const step = d * scale;
      const inverse = step === 0 ? 0 : 1 / step;
      for (let j = 0; j < SUB; j++) {
        const k = i * SUB + j;
        const { low, lowShift, high, highShift } = places[k] as ReturnType<typeof place>;
        const value = clamp(Math.round((x[at + k] as number) * inverse), -32, 31) + 32;
        block[blockAt + low] = (block[blockAt + low] as number) | ((value & 15) << lowShift);
        block[blockAt + high] = (block[blockAt + high] as number) | ((value >> 4) << highShift);
      }
    }
  },
  dequantize(block, blockAt, out, at) {
    const d = f16Value(f16At(block, blockAt + D));
    for (let k = 0; k < 256; k++) {
      const { low, lowShift, high, highShift } = places[k] as ReturnType<typeof place>;
      const scale = ((block[blockAt + SCALES + (k >> 4)] as number) << 24) >> 24;
      const bits =
        (((block[blockAt + low] as number) >> lowShift) & 15) |
        ((((block[blockAt + high] as number) >> highShift) & 3) << 4);
      out[at + k] = d * scale * (bits - 32);
    }
  },
});
