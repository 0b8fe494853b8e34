import { InputError } from "synapse-engine/errors";

export const storageTypeNames = ["f32", "f16", "i8", "q8_0", "q4_0", "q4_k", "q6_k", "i4", "i3"] as const;
export type StorageTypeName = (typeof storageTypeNames)[number];

/** Outputs that lie side by side in a panel. */
export const PANEL = 16;

/** How the weight `[n, k]` = `[out, in]` of a linear layer is stored (docs/format.md, "Storage types"). */
export interface StorageType {
  readonly name: StorageTypeName;
  /** Bits a weight, without padding. */
  readonly bits: number;
  /** k must be a multiple of this. */
  readonly kMultiple: number;
  /** The inner loop multiplies int8 activations by integers. */
  readonly integer: boolean;
  /** Bytes of the stored tensor. */
  bytes(n: number, k: number): number;
  /** Rounds row-major `[n][k]` f32 to this type; the result is the panel layout. */
  encode(weights: Float32Array, n: number, k: number): Uint8Array;
  /** The stored values, row-major `[n][k]`. */
  decode(bytes: Uint8Array, n: number, k: number): Float32Array;
  /** Rearranges GGUF row blocks of the same type, without loss. */
  repack?(blocks: Uint8Array, n: number, k: number): Uint8Array;
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Throws `TYPE_CONSTRAINT` when a weight `[n, k]` cannot have the type. */
export function checkConstraint(type: StorageType, k: number, source: string, where: string): void {
  if (k % type.kMultiple === 0) return;
  throw new InputError({
    code: "TYPE_CONSTRAINT",
    source,
    where,
    message: `type ${type.name} needs rows of a multiple of ${type.kMultiple} weights, but these have ${k}`,
    expected: `${k % 32 === 0 ? "i8, i4, i3, q8_0, q4_0, f16 or f32" : "i8, f16 or f32"} for this tensor, by a rule before or a narrower pattern`,
  });
}

/** Throws when the arrays given to an encoder or decoder do not have the size of the shape; a mistake of the caller. */
export function assertLength(actual: number, expected: number, what: string): void {
  if (actual !== expected) throw new RangeError(`${what} has ${actual} elements where the shape needs ${expected}`);
}
