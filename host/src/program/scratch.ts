import { storageTypes } from "../compress/types/index.js";
import { roundUp, type StorageTypeName } from "../compress/types/storageType.js";

const round64 = (bytes: number) => roundUp(bytes, 64);

/** Bytes of scratch of a linear op (docs/format.md): the rows as int8, their scales, and for q4_k the sums of each sub-block. */
export function linearScratchBytes(type: StorageTypeName, m: number, k: number): number {
  if (!storageTypes[type].integer) return 0;
  const sums = type === "q4_k" ? round64(4 * m * (k / 32)) : 0;
  return round64(m * roundUp(k, 16)) + round64(4 * m) + sums;
}

/** Bytes of scratch of int8 attention with m queries and t keys: q, k and v as int8 with their scales. */
export function attentionScratchBytes(m: number, t: number, heads: number, kvHeads: number, dim: number): number {
  const dimPadded = roundUp(dim, 16);
  const tPadded = roundUp(t, 16);
  const q = round64(m * heads * dimPadded) + round64(4 * m * heads);
  const k = round64(kvHeads * tPadded * dimPadded) + round64(4 * kvHeads * tPadded);
  const v = round64(kvHeads * dimPadded * tPadded) + round64(4 * kvHeads * dimPadded);
  return q + k + v;
}
