import { f16Value } from "../../format/float16.js";
import { clamp, f16At, ggufType, scaleBits, setF16 } from "./ggufBlocks.js";

const SUB_BLOCKS = 8;
const SUB = 32;
const D = 0;
const D_MIN = 2;
const SCALES = 4;
const QUANTS = 16;

/** Scale and offset of `x ~ scale * q + offset`, q in 0..15, offset <= 0. */
interface Affine {
  readonly scale: number;
  readonly offset: number;
}

/** Tries a few ranges; for each, rounds and then solves scale and offset by least squares. */
function fitSubBlock(x: Float32Array, at: number): Affine {
  let low = 0;
  let high = 0;
  for (let i = at; i < at + SUB; i++) {
    low = Math.min(low, x[i] as number);
    high = Math.max(high, x[i] as number);
  }
  if (high === low) return { scale: 0, offset: 0 };
  let best: Affine = { scale: (high - low) / 15, offset: low };
  let bestError = affineError(x, at, best);
  for (let levels = 14; levels <= 18; levels += 0.4) {
    const inverse = levels / (high - low);
    let sumQ = 0;
    let sumQq = 0;
    let sumX = 0;
    let sumXq = 0;
    for (let i = at; i < at + SUB; i++) {
      const value = x[i] as number;
      const q = clamp(Math.round((value - low) * inverse), 0, 15);
      sumQ += q;
      sumQq += q * q;
      sumX += value;
      sumXq += value * q;
    }
    const determinant = SUB * sumQq - sumQ * sumQ;
    if (determinant <= 0) continue;
    let scale = (SUB * sumXq - sumQ * sumX) / determinant;
    let offset = (sumQq * sumX - sumQ * sumXq) / determinant;
    if (offset > 0) {
      offset = 0;
      scale = sumXq / sumQq;
    }
    if (!(scale > 0)) continue;
    const error = affineError(x, at, { scale, offset });
    if (error < bestError) {
      bestError = error;
      best = { scale, offset };
    }
  }
  return best;
}

function affineError(x: Float32Array, at: number, { scale, offset }: Affine): number {
  const inverse = scale > 0 ? 1 / scale : 0;
  let error = 0;
  for (let i = at; i < at + SUB; i++) {
    const value = x[i] as number;
    const difference = value - offset - scale * clamp(Math.round((value - offset) * inverse), 0, 15);
    error += difference * difference;
  }
  return error;
}

function setScale(block: Uint8Array, at: number, i: number, scale: number, min: number): void {
  const put = (j: number, bits: number) => {
    block[at + j] = (block[at + j] as number) | bits;
  };
  if (i < 4) {
    put(i, scale);
    put(i + 4, min);
  } else {
    put(i + 4, (scale & 15) | ((min & 15) << 4));
    put(i - 4, (scale >> 4) << 6);
    put(i, (min >> 4) << 6);
  }
}

function scaleAt(block: Uint8Array, at: number, i: number): { scale: number; min: number } {
  const get = (j: number) => block[at + j] as number;
  if (i < 4) return { scale: get(i) & 63, min: get(i + 4) & 63 };
  return { scale: (get(i + 4) & 15) | ((get(i - 4) >> 6) << 4), min: (get(i + 4) >> 4) | ((get(i) >> 6) << 4) };
}

/** Super-blocks of 256 in eight sub-blocks of 32: w = d * scale * nibble - dmin * min. */
export const q4_k = ggufType({
  name: "q4_k",
  quantize(x, at, block, blockAt) {
    const fits = Array.from({ length: SUB_BLOCKS }, (_, i) => fitSubBlock(x, at + i * SUB));
    const dBits = scaleBits(Math.max(...fits.map((fit) => fit.scale)) / 63);
    const dMinBits = scaleBits(Math.max(...fits.map((fit) => -fit.offset)) / 63);
    const d = f16Value(dBits);
    const dMin = f16Value(dMinBits);
    setF16(block, blockAt + D, dBits);
    setF16(block, blockAt + D_MIN, dMinBits);
    fits.forEach((fit, i) => {
      const from = at + i * SUB;
      // Rounding scale and minimum to 6 bits moves the optimum: the neighbours are tried together.
      const scale0 = d > 0 ? Math.min(63, Math.round(fit.scale / d)) : 0;
      const min0 = dMin > 0 ? Math.min(63, Math.round(-fit.offset / dMin)) : 0;
      let bestScale = 0;
      let bestMin = 0;
      let bestError = Number.POSITIVE_INFINITY;
      for (let scale = Math.max(0, scale0 - 1); scale <= Math.min(63, scale0 + 1); scale++) {
        for (let min = Math.max(0, min0 - 1); min <= Math.min(63, min0 + 1); min++) {
          const error = affineError(x, from, { scale: d * scale, offset: -dMin * min });
          if (error < bestError) {
            bestError = error;
            bestScale = scale;
            bestMin = min;
          }
        }
      }
      setScale(block, blockAt + SCALES, i, bestScale, bestMin);
      const step = d * bestScale;
      const inverse = step > 0 ? 1 / step : 0;
      const quants = blockAt + QUANTS + (i >> 1) * SUB;
      for (let j = 0; j < SUB; j++) {
        const q = clamp(Math.round(((x[from + j] as number) + dMin * bestMin) * inverse), 0, 15);
        block[quants + j] = (block[quants + j] as number) | (q << ((i & 1) * 4));
      }
    });
  },
  dequantize(block, blockAt, out, at) {
    const d = f16Value(f16At(block, blockAt + D));
    const dMin = f16Value(f16At(block, blockAt + D_MIN));
    for (let i = 0; i < SUB_BLOCKS; i++) {
      const { scale, min } = scaleAt(block, blockAt + SCALES, i);
      const quants = blockAt + QUANTS + (i >> 1) * SUB;
      for (let j = 0; j < SUB; j++) {
        const q = ((block[quants + j] as number) >> ((i & 1) * 4)) & 15;
        out[at + i * SUB + j] = d * scale * q - dMin * min;
      }
    }
  },
});
