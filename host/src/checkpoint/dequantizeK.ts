import { f16Values } from "./half.js";

// ggml's "K" types: super-blocks of 256 values in sub-blocks of 16 or 32, whose scales are small integers times one
// f16.
const SUPER = 256;

function halfAt(bytes: Uint8Array, at: number): number {
  return f16Values()[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
}

/** 2 bits: 16 bytes of (scale | min << 4), 64 bytes of values, f16 d, f16 dmin. Value = d * scale * q - dmin * min. */
export function dequantizeQ2K(bytes: Uint8Array, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 84;
    const d = halfAt(bytes, at + 80);
    const dmin = halfAt(bytes, at + 82);
    for (let sub = 0; sub < 16; sub++) {
      const packed = bytes[at + sub] as number;
      const scale = Math.fround(d * (packed & 15));
      const min = Math.fround(dmin * (packed >> 4));
      const shift = ((sub >> 1) & 3) * 2;
      const values = at + 16 + (sub >> 3) * 32 + (sub & 1) * 16;
      const to = block * SUPER + sub * 16;
      for (let i = 0; i < 16; i++)
        out[to + i] = Math.fround(scale * (((bytes[values + i] as number) >> shift) & 3)) - min;
    }
  }
}

/**
 * 3 bits: 32 bytes of high bits, 64 bytes of low pairs, 12 bytes of 6-bit scales, f16 d. Value = d * (scale - 32) *
 * (q - 4).
 */
export function dequantizeQ3K(bytes: Uint8Array, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++) {
    const at = block * 110;
    const scales = at + 96;
    const d = halfAt(bytes, at + 108);
    for (let sub = 0; sub < 16; sub++) {
      const low = (bytes[scales + (sub & 7)] as number) >> (sub >> 3 ? 4 : 0);
      const high = (bytes[scales + 8 + (sub & 3)] as number) >> ((sub >> 2) * 2);
      const scale = Math.fround(d * (((low & 15) | ((high & 3) << 4)) - 32));
      const shift = ((sub >> 1) & 3) * 2;
      const values = at + 32 + (sub >> 3) * 32 + (sub & 1) * 16;
      const mask = at + (sub & 1) * 16;
      const to = block * SUPER + sub * 16;
      for (let i = 0; i < 16; i++) {
        // The stored bit says that 4 is not to be subtracted.
        const offset = ((bytes[mask + i] as number) >> (sub >> 1)) & 1 ? 0 : 4;
        out[to + i] = scale * ((((bytes[values + i] as number) >> shift) & 3) - offset);
      }
    }
  }
}

/**
 * Scale (`min` false) or minimum of sub-block `sub`: 6 bits each in 12 bytes, the upper four split over two places
 * (`get_scale_min_k4`).
 */
function scaleOrMin(bytes: Uint8Array, at: number, sub: number, min: boolean): number {
  const own = at + (min ? 4 : 0) + (sub & 3);
  if (sub < 4) return (bytes[own] as number) & 63;
  const shared = bytes[at + 8 + (sub & 3)] as number;
  return (min ? shared >> 4 : shared & 15) | (((bytes[own] as number) >> 6) << 4);
}

/**
 * 4 and 5 bits: f16 d, f16 dmin, 12 bytes of scales and minima, for 5 bits 32 bytes of high bits, 128 bytes of nibbles.
 */
function dequantizeQ45K(bits: 4 | 5, bytes: Uint8Array, blocks: number, out: Float32Array): void {
  const nibblesAt = bits === 5 ? 48 : 16;
  for (let block = 0; block < blocks; block++) {
    const at = block * (nibblesAt + 128);
    const d = halfAt(bytes, at);
    const dmin = halfAt(bytes, at + 2);
    for (let sub = 0; sub < 8; sub++) {
      const scale = Math.fround(d * scaleOrMin(bytes, at + 4, sub, false));
      const min = Math.fround(dmin * scaleOrMin(bytes, at + 4, sub, true));
      const values = at + nibblesAt + (sub >> 1) * 32;
      const to = block * SUPER + sub * 32;
      for (let i = 0; i < 32; i++) {
        let q = ((bytes[values + i] as number) >> ((sub & 1) * 4)) & 15;
        if (bits === 5) q |= (((bytes[at + 16 + i] as number) >> sub) & 1) << 4;
        out[to + i] = Math.fround(scale * q) - min;
      }
    }
  }
}

export function dequantizeQ4K(bytes: Uint8Array, blocks: number, out: Float32Array): void {
  dequantizeQ45K(4, bytes, blocks, out);
}

export function dequantizeQ5K(bytes: Uint8Array, blocks: number, out: Float32Array): void {
  dequantizeQ45K(5, bytes, blocks, out);
}

/** 6 bits: 128 bytes of low nibbles, 64 bytes of high pairs, 16 signed scales, f16 d. Value = d * scale * (q - 32). */
export function dequantizeQ6K(bytes: Uint8Array, blocks: number, out: Float32Array): void {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let block = 0; block < blocks; block++) {
    const at = block * 210;
    const d = halfAt(bytes, at + 208);
    for (let group = 0; group < 8; group++) {
      const half = group >> 2;
      const quarter = group & 3;
      const low = at + half * 64 + (quarter & 1) * 32;
      const high = at + 128 + half * 32;
      for (let i = 0; i < 32; i++) {
        const scale = Math.fround(d * (signed[at + 192 + group * 2 + (i >> 4)] as number));
        const nibble = ((bytes[low + i] as number) >> ((quarter >> 1) * 4)) & 15;
        const pair = ((bytes[high + i] as number) >> (quarter * 2)) & 3;
        out[block * SUPER + group * 32 + i] = scale * ((nibble | (pair << 4)) - 32);
      }
    }
  }
}
