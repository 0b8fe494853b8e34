import { scratchBytes } from "../format/scratch.js";
import { paddedLength, type StorageTypeName, weightTraits } from "../format/types.js";

/** Bytes of scratch of a linear op of `m` rows and `k` inputs. */
export function linearScratchBytes(type: StorageTypeName, m: number, k: number): number {
  const { products, minimum } = weightTraits(type);
  const k_padded = paddedLength(type, k);
  return scratchBytes("linear", { rows: m, k_padded, integers: products === "integers", minima: minimum });
}

/** Bytes of scratch of attention with m queries and t keys. */
export function attentionScratchBytes(
  compute: "f32" | "i8",
  m: number,
  t: number,
  heads: number,
  kvHeads: number,
  dim: number,
): number {
  return scratchBytes("attention", { rows: m, keys: t, heads, kv_heads: kvHeads, dim, int8: compute === "i8" });
}
