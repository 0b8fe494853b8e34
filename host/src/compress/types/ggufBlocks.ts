import { f16Bits, f16Value } from "../../format/float16.js";
import {
  PANEL,
  type PanelField,
  type PanelPiece,
  type StorageTypeName,
  weightBytes,
  weightTraits,
} from "../../format/types.js";
import { assertLength, type StorageType, storageType } from "./storageType.js";

/** One of GGUF's block formats: a fixed number of weights of one row in a fixed number of bytes. */
export interface BlockCodec {
  readonly name: StorageTypeName;
  /** Rounds a block of values from `x[at]` into the zeroed block at `block[blockAt]`. */
  quantize(x: Float32Array, at: number, block: Uint8Array, blockAt: number): void;
  dequantize(block: Uint8Array, blockAt: number, out: Float32Array, at: number): void;
}

/** The bits of 2^-14; halves below it are subnormal, 2^-24 apart. */
const SMALLEST_NORMAL = 0x0400;

/** Where each byte of a block goes in a panel's block: byte i of output n goes to `position[i] + n * width[i]`. */
function interleaving(size: number, fields: readonly PanelField[]): { position: Int32Array; width: Int32Array } {
  const position = new Int32Array(size);
  const width = new Int32Array(size);
  let start = 0;
  // An element of several bytes stays whole in a panel.
  for (const { rows, element_bytes: bytes } of fields) {
    for (let element = 0; element < rows; element++) {
      for (let byte = 0; byte < bytes; byte++) {
        const i = start + element * bytes + byte;
        position[i] = (start + element * bytes) * PANEL + byte;
        width[i] = bytes;
      }
    }
    start += rows * bytes;
  }
  return { position, width };
}

/** A storage type of GGUF blocks, 16 outputs interleaved field by field. */
export function ggufType(codec: BlockCodec): StorageType {
  const { name } = codec;
  const piece = weightTraits(name).panel[0] as PanelPiece;
  const blockWeights = piece.columns;
  const size = piece.bytes / PANEL;
  const { position, width } = interleaving(size, piece.fields);

  const repack = (blocks: Uint8Array, n: number, k: number): Uint8Array => {
    const blocksPerRow = k / blockWeights;
    assertLength(blocks.length, n * blocksPerRow * size, "GGUF blocks");
    const out = new Uint8Array(weightBytes(name, n, k));
    for (let row = 0; row < n; row++) {
      const lane = row % PANEL;
      for (let b = 0; b < blocksPerRow; b++) {
        const from = (row * blocksPerRow + b) * size;
        const to = ((row - lane) * blocksPerRow + b * PANEL) * size;
        for (let i = 0; i < size; i++)
          out[to + (position[i] as number) + lane * (width[i] as number)] = blocks[from + i] as number;
      }
    }
    return out;
  };

  return storageType(name, {
    repack,
    encode(weights, n, k) {
      assertLength(weights.length, n * k, "weights");
      const count = (n * k) / blockWeights;
      const blocks = new Uint8Array(count * size);
      for (let b = 0; b < count; b++) codec.quantize(weights, b * blockWeights, blocks, b * size);
      return repack(blocks, n, k);
    },
    decode(stored, n, k) {
      assertLength(stored.length, weightBytes(name, n, k), "stored weights");
      const blocksPerRow = k / blockWeights;
      const weights = new Float32Array(n * k);
      const block = new Uint8Array(size);
      for (let row = 0; row < n; row++) {
        const lane = row % PANEL;
        for (let b = 0; b < blocksPerRow; b++) {
          const from = ((row - lane) * blocksPerRow + b * PANEL) * size;
          for (let i = 0; i < size; i++)
            block[i] = stored[from + (position[i] as number) + lane * (width[i] as number)] as number;
          codec.dequantize(block, 0, weights, row * k + b * blockWeights);
        }
      }
      return weights;
    },
  });
}

export function clamp(value: number, low: number, high: number): number {
  return value < low ? low : Math.min(value, high);
}

/** Reads a half's bits from two bytes. */
export function f16At(block: Uint8Array, at: number): number {
  return (block[at] as number) | ((block[at + 1] as number) << 8);
}

export function setF16(block: Uint8Array, at: number, bits: number): void {
  block[at] = bits & 255;
  block[at + 1] = bits >> 8;
}

/**
 * The half that stores a scale. Below 2^-14 halves lie so far apart that the nearest could be a third too small, or
 * zero, and the largest weights would not be reached: there it is the next one away from zero.
 */
export function scaleBits(value: number): number {
  const bits = f16Bits(value);
  const short = Math.abs(f16Value(bits)) < Math.abs(value);
  return short && (bits & 0x7fff) < SMALLEST_NORMAL ? bits + 1 : bits;
}

/** The value in `x[at..at+count)` of the largest magnitude, with its sign. */
export function signedPeak(x: Float32Array, at: number, count: number): number {
  let peak = 0;
  for (let i = at; i < at + count; i++) {
    if (Math.abs(x[i] as number) > Math.abs(peak)) peak = x[i] as number;
  }
  return peak;
}

/** Squared error of `x[at..at+count)` against `step` times integers of [low, high]. */
export function roundingError(
  x: Float32Array,
  at: number,
  count: number,
  step: number,
  low: number,
  high: number,
): number {
  const inverse = step === 0 ? 0 : 1 / step;
  let error = 0;
  for (let i = at; i < at + count; i++) {
    const value = x[i] as number;
    const difference = value - step * clamp(Math.round(value * inverse), low, high);
    error += difference * difference;
  }
  return error;
}
