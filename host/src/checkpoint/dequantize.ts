import { dequantizeQ2K, dequantizeQ3K, dequantizeQ4K, dequantizeQ5K, dequantizeQ6K } from "./dequantizeK.js";
import {
  dequantizeIq4Nl,
  dequantizeIq4Xs,
  dequantizeMxfp4,
  dequantizeQ2_0,
  dequantizeTq1,
  dequantizeTq2,
} from "./dequantizeTables.js";
import { f16Values } from "./half.js";

/**
 * Expands `blocks` blocks of one ggml type into `out`. Layouts: the block structures of ggml-common.h. Every product
 * and sum is rounded to f32, as ggml's reference `dequantize_row_*` does, so the results agree bit for bit.
 */
export type Dequantize = (bytes: Uint8Array, blocks: number, out: Float32Array) => void;

function q8_0(bytes: Uint8Array, blocks: number, out: Float32Array): void {
  const half = f16Values();
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let block = 0; block < blocks; block++) {
    const at = block * 34;
    const d = half[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
    for (let i = 0; i < 32; i++) out[block * 32 + i] = d * (signed[at + 2 + i] as number);
  }
}

/**
 * The 4- and 5-bit blocks of 32: scale, for "_1" types a minimum, for 5 bits a word of high bits, then 16 bytes of two
 * nibbles.
 */
function nibbleBlocks(bits: 4 | 5, withMin: boolean): Dequantize {
  const highAt = withMin ? 4 : 2;
  const nibblesAt = highAt + (bits === 5 ? 4 : 0);
  const blockBytes = nibblesAt + 16;
  const zero = withMin ? 0 : 1 << (bits - 1);
  return (bytes, blocks, out) => {
    const half = f16Values();
    for (let block = 0; block < blocks; block++) {
      const at = block * blockBytes;
      const d = half[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
      const m = withMin ? (half[(bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8)] as number) : 0;
      for (let i = 0; i < 16; i++) {
        const pair = bytes[at + nibblesAt + i] as number;
        let low = pair & 15;
        let high = pair >> 4;
        if (bits === 5) {
          // Bit i of the little-endian word belongs to value i.
          low |= (((bytes[at + highAt + (i >> 3)] as number) >> (i & 7)) & 1) << 4;
          high |= (((bytes[at + highAt + 2 + (i >> 3)] as number) >> (i & 7)) & 1) << 4;
        }
        // Adding a zero minimum would turn -0 into 0, which the types without one keep.
        const a = d * (low - zero);
        const b = d * (high - zero);
        out[block * 32 + i] = withMin ? Math.fround(a) + m : a;
        out[block * 32 + 16 + i] = withMin ? Math.fround(b) + m : b;
      }
    }
  };
}

const DEQUANTIZERS: ReadonlyMap<string, Dequantize> = new Map<string, Dequantize>([
  ["Q8_0", q8_0],
  ["Q4_0", nibbleBlocks(4, false)],
  ["Q4_1", nibbleBlocks(4, true)],
  ["Q5_0", nibbleBlocks(5, false)],
  ["Q5_1", nibbleBlocks(5, true)],
  ["Q2_K", dequantizeQ2K],
  ["Q3_K", dequantizeQ3K],
  ["Q4_K", dequantizeQ4K],
  ["Q5_K", dequantizeQ5K],
  ["Q6_K", dequantizeQ6K],
  ["IQ4_NL", dequantizeIq4Nl],
  ["IQ4_XS", dequantizeIq4Xs],
  ["MXFP4", dequantizeMxfp4],
  ["TQ1_0", dequantizeTq1],
  ["TQ2_0", dequantizeTq2],
  ["Q2_0", dequantizeQ2_0],
]);

/** Names of the ggml block types that have a rule. */
export const DEQUANTIZED: readonly string[] = [...DEQUANTIZERS.keys()];

/** The rule for a ggml block type by its name, or undefined where there is none. */
export function dequantizer(type: string): Dequantize | undefined {
  return DEQUANTIZERS.get(type);
}
