import { f16Values } from "./half.js";

/** The values of a 4-bit index in ggml's non-linear types (`kvalues_iq4nl`). */
const IQ4_VALUES = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
/**
 * Twice the values of an E2M1 number (OCP Microscaling Formats 1.0, section 5.3.3): sign, two bits of exponent, one of
 * mantissa.
 */
const E2M1_DOUBLED = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
const POWERS_OF_3 = Uint8Array.of(1, 3, 9, 27, 81);

function halfAt(bytes: Uint8Array, at: number): number {
  return f16Values()[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
}

/** Sixteen bytes of two table indices: the low halves are the first sixteen values, the high halves the next. */
function nibbles(bytes: Uint8Array, at: number, table: Int8Array, scale: number, out: Float32Array, to: number): void {
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + i] as number;
    out[to + i] = scale * (table[pair & 15] as number);
    out[to + 16 + i] = scale * (table[pair >> 4] as number);
  }
}

/** Blocks of 32: an f16 scale, then indices into the non-linear table. */
export function dequantizeIq4Nl(bytes: Uint8Array, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++)
    nibbles(bytes, block * 18 + 2, IQ4_VALUES, halfAt(bytes, block * 18), out, block * 32);
}

/**
 * Blocks of 256: an f16 scale, 6-bit scales of eight sub-blocks (two high bits each in a word, four low bits each in
 * bytes), indices.
 */
export function dequantizeIq4Xs(bytes: Uint8Array, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 136;
    const d = halfAt(bytes, at);
    const high = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8);
    for (let sub = 0; sub < 8; sub++) {
      const low = ((bytes[at + 4 + (sub >> 1)] as number) >> (4 * (sub & 1))) & 15;
      const scale = (low | (((high >> (2 * sub)) & 3) << 4)) - 32;
      nibbles(bytes, at + 8 + 16 * sub, IQ4_VALUES, Math.fround(d * scale), out, block * 256 + 32 * sub);
    }
  }
}

/** Blocks of 32: a power of two as a byte, then E2M1 numbers. */
export function dequantizeMxfp4(bytes: Uint8Array, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++) {
    const exponent = bytes[block * 17] as number;
    // The byte 255 is no number in the standard; ggml, whose files these are, reads it as the power that follows.
    nibbles(bytes, block * 17 + 1, E2M1_DOUBLED, 2 ** (exponent - 128), out, block * 32);
  }
}

/**
 * Five digits of base 3 in a byte, as fractions of 256: digit n is the whole part of three times the fraction of byte *
 * 3^n.
 */
function trit(byte: number, n: number): number {
  return ((((byte * (POWERS_OF_3[n] as number)) & 255) * 3) >> 8) - 1;
}

/** Blocks of 256 of -1, 0 and 1: 48 bytes of five digits, 4 bytes of four, an f16 scale. */
export function dequantizeTq1(bytes: Uint8Array, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 54;
    const d = halfAt(bytes, at + 52);
    let to = block * 256;
    for (const [from, count, digits] of [
      [0, 32, 5],
      [32, 16, 5],
      [48, 4, 4],
    ] as const) {
      for (let n = 0; n < digits; n++)
        for (let i = 0; i < count; i++) out[to++] = trit(bytes[at + from + i] as number, n) * d;
    }
  }
}

/** Blocks of 256 of -1, 0, 1 and 2: two runs of 32 bytes of four 2-bit numbers, an f16 scale. */
export function dequantizeTq2(bytes: Uint8Array, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 66;
    const d = halfAt(bytes, at + 64);
    let to = block * 256;
    for (const run of [0, 32]) {
      for (let n = 0; n < 4; n++)
        for (let i = 0; i < 32; i++) out[to++] = ((((bytes[at + run + i] as number) >> (2 * n)) & 3) - 1) * d;
    }
  }
}

/** Blocks of 64 of -1, 0, 1 and 2: an f16 scale, sixteen bytes of four numbers in a row. */
export function dequantizeQ2_0(bytes: Uint8Array, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 18;
    const d = halfAt(bytes, at);
    for (let i = 0; i < 64; i++)
      out[block * 64 + i] = ((((bytes[at + 2 + (i >> 2)] as number) >> (2 * (i & 3))) & 3) - 1) * d;
  }
}
