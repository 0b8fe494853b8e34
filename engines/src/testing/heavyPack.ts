import { PackBuilder } from "./packBuilder.js";
import { randomWeight } from "./packWeights.js";
import { Xorshift32 } from "./random.js";
import { linearScratch } from "./smallPack.js";

export const HEAVY_ROWS = 256;
export const HEAVY_WIDTH = 512;

/** Multiply-accumulates of one op of `heavyPack`. */
export const HEAVY_OP_MACS = HEAVY_ROWS * HEAVY_WIDTH * HEAVY_WIDTH;

/**
 * A valid pack of a megabyte and a little whose one entry, in each of its test vectors, multiplies the same weight
 * again and again: so often that a board is at it for hours.
 */
export function heavyPack(ops: number, vectors = 16, rows = HEAVY_ROWS): Uint8Array {
  const pack = new PackBuilder("heavy");
  const w = pack.constant(
    "w",
    "f32",
    [HEAVY_WIDTH, HEAVY_WIDTH],
    randomWeight("f32", HEAVY_WIDTH, HEAVY_WIDTH, new Xorshift32(1)),
  );
  const x = pack.activation("x", [rows, HEAVY_WIDTH], { dynamic: true, region: "slow" });
  const y = pack.activation("y", [rows, HEAVY_WIDTH], { dynamic: true, region: "slow" });
  const scratch = pack.scratch(linearScratch("f32", rows, HEAVY_WIDTH));
  const list = Array.from({ length: ops }, (_, i) => ({
    op: "linear",
    x: i % 2 ? y : x,
    w,
    out: i % 2 ? x : y,
    ...scratch,
  }));
  pack.entry("go", rows, [{ name: "x", tensor: x, kind: "tensor" }], [{ name: "y", tensor: y, kind: "latent" }], list);
  for (let i = 0; i < vectors; i++) pack.golden({ entry: "go", rows, seed: 9 + i, digest: new Uint8Array(32) });
  return pack.numeric("exact").meta({}).build();
}
