/**
 * Seeded numbers that TypeScript and Python agree on bit for bit (the twin is oracle/seeded.py).
 *
 * A stream is named by a seed and a text. Element i of a stream depends on nothing but the two keys made from them and
 * on i, so tensors can be made in any order. Everything is unsigned 32-bit arithmetic, then one float64 multiply, one
 * float64 add and one rounding to float32: no math library is involved, which is what makes the bits equal everywhere.
 *
 * The mixer is `lowbias32` of Chris Wellons (https://nullprogram.com/blog/2018/07/31/, public domain); names are hashed by FNV-1a.
 */

const FNV_BASIS_A = 0x811c9dc5;
const FNV_BASIS_B = 0x7ee3623a;
const FNV_PRIME = 0x01000193;

/** The sum of four independent uniforms of 16 bits: mean 4 * 65535 / 2, variance 4 * (65536^2 - 1) / 12. */
const SUM_MEAN = 131070;
const SUM_STD = Math.sqrt((65536 * 65536 - 1) / 3);

/** Values `mean + std * n`, n near-normal with variance 1 and |n| < 3.47. With `gain`, std is gain / sqrt(fan in). */
export interface Distribution {
  readonly mean?: number;
  readonly std?: number;
  readonly gain?: number;
  /** About one value in this many is multiplied by `outlierScale`. */
  readonly outlierOneIn?: number;
  readonly outlierScale?: number;
}

function mix(value: number): number {
  let x = value;
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

function fnv1a(bytes: Uint8Array, basis: number): number {
  let hash = basis;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return hash >>> 0;
}

/** The words of the stream `name` under `seed` (0 .. 2^32 - 1). */
export class Stream {
  readonly #keyA: number;
  readonly #keyB: number;

  constructor(name: string, seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
      throw new RangeError(`seed ${seed} is not an integer in 0..2^32-1`);
    const bytes = new TextEncoder().encode(name);
    this.#keyA = mix(fnv1a(bytes, FNV_BASIS_A ^ mix(seed)));
    this.#keyB = mix(fnv1a(bytes, FNV_BASIS_B ^ mix(seed ^ 0x9e3779b9)));
  }

  /** An unsigned 32-bit integer. */
  word(counter: number): number {
    return mix(mix(counter ^ this.#keyA) + this.#keyB);
  }
}

/** `count` values; fan in is the number of inputs that each output of a weight sums over. */
export function seededNormal(
  name: string,
  seed: number,
  count: number,
  distribution: Distribution,
  fanIn = 1,
): Float32Array {
  const stream = new Stream(name, seed);
  const { mean = 0, gain = 0, outlierOneIn = 0, outlierScale = 1 } = distribution;
  const std = gain > 0 ? gain / Math.sqrt(fanIn) : (distribution.std ?? 0);
  const factor = std / SUM_STD;
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const first = stream.word(2 * i);
    const second = stream.word(2 * i + 1);
    const total = (first & 0xffff) + (second & 0xffff) + (first >>> 16) + (second >>> 16);
    let value = (total - SUM_MEAN) * factor + mean;
    if (outlierOneIn > 0 && mix(first ^ second) % outlierOneIn === 0) value *= outlierScale;
    out[i] = value;
  }
  return out;
}

/** Actions as a model sees them, z-scored: `[steps, width]`, mean 0, standard deviation 1. */
export function seededActions(name: string, seed: number, steps: number, width: number): Float32Array {
  return seededNormal(name, seed, steps * width, { std: 1 });
}

/**
 * An RGB picture `[size, size, 3]`: two octaves of value noise, interpolated in integers, plus pixel noise of +-12.
 * Size 1..1024.
 */
export function seededImage(name: string, seed: number, size: number): Uint8Array {
  if (!Number.isInteger(size) || size < 1 || size > 1024)
    throw new RangeError(`size ${size} is not an integer in 1..1024`);
  const out = new Uint8Array(size * size * 3);
  for (let channel = 0; channel < 3; channel++) {
    const coarse = octave(`${name}.${channel}.coarse`, seed, size, 3);
    const fine = octave(`${name}.${channel}.fine`, seed, size, 11);
    const noise = new Stream(`${name}.${channel}.noise`, seed);
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const pixel = y * size + x;
        const value = ((coarse(y, x) * 180 + fine(y, x) * 76) >> 8) + (noise.word(pixel) % 25) - 12;
        out[pixel * 3 + channel] = Math.min(255, Math.max(0, value));
      }
    }
  }
  return out;
}

/** A function of (y, x) giving 0..255: bilinear between (cells + 1)^2 random nodes, with weights of 8 bits. */
function octave(name: string, seed: number, size: number, cells: number): (y: number, x: number) => number {
  const stream = new Stream(name, seed);
  const nodes = Uint8Array.from({ length: (cells + 1) * (cells + 1) }, (_, i) => stream.word(i) >>> 24);
  const node = (row: number, column: number): number => nodes[row * (cells + 1) + column] as number;
  const position = (i: number): number => Math.floor((i * cells * 256) / size);
  return (y, x) => {
    const row = position(y) >> 8;
    const column = position(x) >> 8;
    const wy = position(y) & 255;
    const wx = position(x) & 255;
    const top = node(row, column) * (256 - wx) + node(row, column + 1) * wx;
    const bottom = node(row + 1, column) * (256 - wx) + node(row + 1, column + 1) * wx;
    return (top * (256 - wy) + bottom * wy) >> 16;
  };
}
