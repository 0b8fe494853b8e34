import {
  PANEL,
  panelBytes,
  type ScaleType,
  type StorageTypeName,
  storageTypeNames,
  weightBytes,
  weightTraits,
  wholeBlocks,
} from "../../format/types.js";
import type { RowScaledCodec } from "./rowScaled.js";

/**
 * How numbers become the bytes of a weight `[n, k]` = `[out, in]` of a linear layer, and back (docs/format.md, "Storage
 * types"). A codec of its own sees whole blocks only; a storage type takes any k.
 */
export interface Codec {
  /** Rounds row-major `[n][k]` f32 to this type; the result is the panel layout. */
  encode(weights: Float32Array, n: number, k: number, scales: ScaleType): Uint8Array;
  /** The stored values, row-major `[n][k]`. */
  decode(bytes: Uint8Array, n: number, k: number, scales: ScaleType): Float32Array;
  /** Rearranges GGUF row blocks of the same type, without loss. */
  repack?(blocks: Uint8Array, n: number, k: number): Uint8Array;
  /** Of types of whole numbers and one scale a row. */
  readonly rowScaled?: RowScaledCodec;
}

export interface StorageType extends Codec {
  /** `scales`: how the scales of rows are stored, f32 when absent; of other types nothing. */
  encode(weights: Float32Array, n: number, k: number, scales?: ScaleType): Uint8Array;
  decode(bytes: Uint8Array, n: number, k: number, scales?: ScaleType): Float32Array;
  readonly name: StorageTypeName;
  /** Bits a weight, without padding. */
  readonly bits: number;
  /** k is filled up with zeros to a multiple of this. */
  readonly kMultiple: number;
  /** The inner loop multiplies int8 activations by integers. */
  readonly integer: boolean;
  /** Bytes of the stored tensor. */
  bytes(n: number, k: number, scales?: ScaleType): number;
}

/** Of so many weights along K every type holds whole blocks. */
const WHOLE_BLOCKS = 1 << 16;

/** A type with what the format says of it. */
export function storageType(name: StorageTypeName, codec: Codec): StorageType {
  const traits = weightTraits(name);
  return {
    name,
    bits: (panelBytes(name, WHOLE_BLOCKS) * 8) / (WHOLE_BLOCKS * PANEL),
    kMultiple: traits.k_multiple,
    integer: traits.products === "integers",
    ...codec,
    bytes: (n, k, scales) => weightBytes(name, n, k, scales),
    encode(weights, n, k, scales = "f32") {
      assertLength(weights.length, n * k, "weights");
      const whole = wholeBlocks(name, k);
      return codec.encode(whole === k ? weights : withRowsOf(weights, n, k, whole), n, whole, scales);
    },
    decode(bytes, n, k, scales = "f32") {
      const whole = wholeBlocks(name, k);
      const weights = codec.decode(bytes, n, whole, scales);
      return whole === k ? weights : withRowsOf(weights, n, whole, k);
    },
  };
}

/** The rows of `[n, from]` made `to` long, with zeros where they were shorter. */
function withRowsOf(weights: Float32Array, n: number, from: number, to: number): Float32Array {
  const rows = new Float32Array(n * to);
  for (let row = 0; row < n; row++) rows.set(weights.subarray(row * from, row * from + Math.min(from, to)), row * to);
  return rows;
}

/** The types that hold numbers of any size, because f32 numbers are their scales or they themselves. */
export function typesOfAnyRange(): StorageTypeName[] {
  return storageTypeNames.filter((name) => name === "f32" || weightTraits(name).row_scales);
}

/** "a, b or c". */
export function oneOf(names: readonly string[]): string {
  return `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

/** Throws when the arrays given to an encoder or decoder do not have the size of the shape; a mistake of the caller. */
export function assertLength(actual: number, expected: number, what: string): void {
  if (actual !== expected) throw new RangeError(`${what} has ${actual} elements where the shape needs ${expected}`);
}
