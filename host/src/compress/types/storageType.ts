import { InputError } from "synapse-engine/errors";
import {
  PANEL,
  panelBytes,
  type StorageTypeName,
  storageTypeNames,
  weightBytes,
  weightTraits,
} from "../../format/types.js";

/**
 * How numbers become the bytes of a weight `[n, k]` = `[out, in]` of a linear layer, and back (docs/format.md, "Storage
 * types").
 */
export interface Codec {
  /** Rounds row-major `[n][k]` f32 to this type; the result is the panel layout. */
  encode(weights: Float32Array, n: number, k: number): Uint8Array;
  /** The stored values, row-major `[n][k]`. */
  decode(bytes: Uint8Array, n: number, k: number): Float32Array;
  /** Rearranges GGUF row blocks of the same type, without loss. */
  repack?(blocks: Uint8Array, n: number, k: number): Uint8Array;
}

export interface StorageType extends Codec {
  readonly name: StorageTypeName;
  /** Bits a weight, without padding. */
  readonly bits: number;
  /** k must be a multiple of this. */
  readonly kMultiple: number;
  /** The inner loop multiplies int8 activations by integers. */
  readonly integer: boolean;
  /** Bytes of the stored tensor. */
  bytes(n: number, k: number): number;
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
    bytes: (n, k) => weightBytes(name, n, k),
    ...codec,
  };
}

/** Throws `TYPE_CONSTRAINT` when a weight `[n, k]` cannot have the type. */
export function checkConstraint(type: StorageType, k: number, source: string, where: string): void {
  if (k % type.kMultiple === 0) return;
  throw new InputError({
    code: "TYPE_CONSTRAINT",
    source,
    where,
    message: `type ${type.name} needs rows of a multiple of ${type.kMultiple} weights, but these have ${k}`,
    expected: `${oneOf(typesFor(k))} for this tensor, by a rule before or a narrower pattern`,
  });
}

/** The types that take rows of `k` weights: integers first, of these those of one scale a row. */
function typesFor(k: number): StorageTypeName[] {
  const fitting = storageTypeNames.filter((name) => k % weightTraits(name).k_multiple === 0);
  const rank = (name: StorageTypeName) =>
    Number(!weightTraits(name).row_scales) + 2 * Number(weightTraits(name).products === "floats");
  return fitting.sort(
    (a, b) => rank(a) - rank(b) || (weightTraits(a).products === "floats" ? panelBytes(a, 1) - panelBytes(b, 1) : 0),
  );
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
