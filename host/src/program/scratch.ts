import type { AttentionCompute } from "../format/ops.js";
import { scratchBytes } from "../format/scratch.js";
import { paddedLength, type StorageTypeName, weightTraits } from "../format/types.js";

/** Bytes of scratch of a linear op of `m` rows, the first `fineRows` of them in two digits, and `k` inputs. */
export function linearScratchBytes(type: StorageTypeName, m: number, k: number, fineRows = 0): number {
  const { products, minimum } = weightTraits(type);
  return scratchBytes("linear", {
    rows: m,
    fine_rows: fineRows,
    k_padded: paddedLength(type, k),
    integers: products === "integers",
    minima: minimum,
  });
}

/** Bytes of scratch of attention with m queries and t keys. */
export function attentionScratchBytes(
  compute: AttentionCompute,
  m: number,
  t: number,
  heads: number,
  kvHeads: number,
  dim: number,
): number {
  return scratchBytes("attention", { rows: m, keys: t, heads, kv_heads: kvHeads, dim, int8: compute !== "f32" });
}
