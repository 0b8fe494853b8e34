import { f16Value } from "../../format/float16.js";
import { clamp, f16At, ggufType, roundingError, scaleBits, setF16, signedPeak } from "./ggufBlocks.js";

/**
 * The numbers of steps that the largest weight may take. The side with the extra level (-8) is tried for both signs.
 */
const RANGES = [-8, -7.6, -7.2, -6.8, -6.4, -8.5, -9, 7, 7.4, 7.8, 8.2];

/** Blocks of 32: w = d * (nibble - 8). */
export const q4_0 = ggufType({
  name: "q4_0",
  quantize(x, at, block, blockAt) {
    const peak = signedPeak(x, at, 32);
    // Where no scale reaches the peak this one stays, infinite: zeros would hide that the block cannot be stored.
    let best = scaleBits(peak / (RANGES[0] as number));
    let bestError = Number.POSITIVE_INFINITY;
    for (const range of RANGES) {
      const bits = scaleBits(peak / range);
      const error = roundingError(x, at, 32, f16Value(bits), -8, 7);
      if (error < bestError) {
        bestError = error;
        best = bits;
      }
    }
    setF16(block, blockAt, best);
    const d = f16Value(best);
    const inverse = d === 0 ? 0 : 1 / d;
    for (let j = 0; j < 16; j++) {
      const low = clamp(Math.round((x[at + j] as number) * inverse), -8, 7) + 8;
      const high = clamp(Math.round((x[at + j + 16] as number) * inverse), -8, 7) + 8;
      block[blockAt + 2 + j] = low | (high << 4);
    }
  },
  dequantize(block, blockAt, out, at) {
    const d = f16Value(f16At(block, blockAt));
    for (let j = 0; j < 16; j++) {
      const byte = block[blockAt + 2 + j] as number;
      out[at + j] = d * ((byte & 15) - 8);
      out[at + j + 16] = d * ((byte >> 4) - 8);
    }
  },
});
