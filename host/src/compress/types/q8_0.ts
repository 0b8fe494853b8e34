import { f16Value } from "../../format/float16.js";
import { clamp, f16At, ggufType, roundingError, scaleBits, setF16, signedPeak } from "./ggufBlocks.js";

const RANGES = [127, 127.25, 126.75, 127.5, 126.5, 128];

/** Blocks of 32: w = d * q. */
export const q8_0 = ggufType({
  name: "q8_0",
  quantize(x, at, block, blockAt) {
    const peak = Math.abs(signedPeak(x, at, 32));
    // Where no scale reaches the peak this one stays, infinite: zeros would hide that the block cannot be stored.
    let best = scaleBits(peak / (RANGES[0] as number));
    let bestError = Number.POSITIVE_INFINITY;
    for (const range of RANGES) {
      const bits = scaleBits(peak / range);
      const error = roundingError(x, at, 32, f16Value(bits), -127, 127);
      if (error < bestError) {
        bestError = error;
        best = bits;
      }
    }
    setF16(block, blockAt, best);
    const d = f16Value(best);
    const inverse = d > 0 ? 1 / d : 0;
    for (let j = 0; j < 32; j++) block[blockAt + 2 + j] = clamp(Math.round((x[at + j] as number) * inverse), -127, 127);
  },
  dequantize(block, blockAt, out, at) {
    const d = f16Value(f16At(block, blockAt));
    for (let j = 0; j < 32; j++) out[at + j] = d * (((block[blockAt + 2 + j] as number) << 24) >> 24);
  },
});
