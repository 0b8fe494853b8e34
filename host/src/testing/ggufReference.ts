import { f16Value } from "../format/float16.js";

const u16 = (b: Uint8Array, at: number) => (b[at] as number) | ((b[at + 1] as number) << 8);
const i8 = (value: number) => (value << 24) >> 24;

/**
 * One row of GGUF blocks, following ggml-quants.c loop by loop, as a second opinion on the formulas of docs/format.md.
 */
export function dequantizeRow(type: "q8_0" | "q4_0" | "q4_k" | "q6_k", blocks: Uint8Array, k: number): Float32Array {
  const y: number[] = [];
  const at = (i: number) => blocks[i] as number;
  if (type === "q8_0") {
    for (let b = 0; b < k / 32; b++)
      for (let j = 0; j < 32; j++) y.push(i8(at(b * 34 + 2 + j)) * f16Value(u16(blocks, b * 34)));
  } else if (type === "q4_0") {
    for (let b = 0; b < k / 32; b++) {
      for (let j = 0; j < 16; j++) y.push(((at(b * 18 + 2 + j) & 15) - 8) * f16Value(u16(blocks, b * 18)));
      for (let j = 0; j < 16; j++) y.push(((at(b * 18 + 2 + j) >> 4) - 8) * f16Value(u16(blocks, b * 18)));
    }
  } else if (type === "q4_k") {
    for (let b = 0; b < k / 256; b++) q4kBlock(blocks.subarray(b * 144, (b + 1) * 144), y);
  } else {
    for (let b = 0; b < k / 256; b++) q6kBlock(blocks.subarray(b * 210, (b + 1) * 210), y);
  }
  return Float32Array.from(y);
}

/** get_scale_min_k4 and dequantize_row_q4_K. */
function q4kBlock(block: Uint8Array, y: number[]): void {
  const d = f16Value(u16(block, 0));
  const min = f16Value(u16(block, 2));
  const scaleMin = (j: number): [number, number] => {
    const q = (i: number) => block[4 + i] as number;
    if (j < 4) return [q(j) & 63, q(j + 4) & 63];
    return [(q(j + 4) & 0xf) | ((q(j - 4) >> 6) << 4), (q(j + 4) >> 4) | ((q(j) >> 6) << 4)];
  };
  let is = 0;
  let q = 16;
  for (let j = 0; j < 256; j += 64) {
    const [s1, m1] = scaleMin(is);
    const [s2, m2] = scaleMin(is + 1);
    for (let l = 0; l < 32; l++) y.push(d * s1 * ((block[q + l] as number) & 0xf) - min * m1);
    for (let l = 0; l < 32; l++) y.push(d * s2 * ((block[q + l] as number) >> 4) - min * m2);
    q += 32;
    is += 2;
  }
}

/** dequantize_row_q6_K. */
function q6kBlock(block: Uint8Array, y: number[]): void {
  const d = f16Value(u16(block, 208));
  const start = y.length;
  for (let half = 0; half < 2; half++) {
    const ql = half * 64;
    const qh = 128 + half * 32;
    const sc = 192 + half * 8;
    for (let l = 0; l < 32; l++) {
      const is = l >> 4;
      const low = (i: number) => block[ql + i] as number;
      const high = block[qh + l] as number;
      const q = [
        ((low(l) & 0xf) | ((high & 3) << 4)) - 32,
        ((low(l + 32) & 0xf) | (((high >> 2) & 3) << 4)) - 32,
        ((low(l) >> 4) | (((high >> 4) & 3) << 4)) - 32,
        ((low(l + 32) >> 4) | ((high >> 6) << 4)) - 32,
      ];
      q.forEach((value, c) => {
        y[start + half * 128 + c * 32 + l] = d * i8(block[sc + is + 2 * c] as number) * value;
      });
    }
  }
}
