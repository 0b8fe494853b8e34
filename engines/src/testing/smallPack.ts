import { PackBuilder } from "./packBuilder.js";
import { inputMultiple, randomWeight, roundUp, type StorageType, typeVersion } from "./packWeights.js";
import { Xorshift32 } from "./random.js";

/** Heads of attention; the model's input has `heads * dim` columns. */
export interface SmallWidth {
  readonly heads: number;
  readonly dim: number;
}

export interface SmallPackOptions {
  /** A width that the storage type has to fill up takes version 1.1. */
  readonly width?: SmallWidth;
  readonly seed?: number;
  /** How attention computes; `f32` keeps linear layers as the only quantised part. */
  readonly attention?: "f32" | "i8" | "i8_diffused";
  /** Rows of two digits in every layer, which takes version 1.1. */
  readonly fineRows?: number;
  readonly goldens?: readonly {
    readonly entry: string;
    readonly rows: number;
    readonly seed: number;
    readonly digest: Uint8Array;
  }[];
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** Widths are no multiples of 16 where the storage type leaves the choice, so that every tail is taken. */
const WIDTH = { 1: { heads: 2, dim: 26 }, 32: { heads: 2, dim: 48 }, 256: { heads: 4, dim: 64 } } as const;
export const SMALL_ROWS_MAX = 5;

/** Heads of the small model for a storage type, which fill whole blocks of it. */
function wholeWidth(type: StorageType): SmallWidth {
  return WIDTH[inputMultiple(type) as 1 | 32 | 256];
}

/** Columns of the small model's input for a storage type. */
export function smallWidth(type: StorageType): number {
  const { heads, dim } = wholeWidth(type);
  return heads * dim;
}

/** Bytes of scratch that a linear layer of a type needs for `rows` rows and `k` inputs (docs/format.md, "Op"). */
export function linearScratch(type: StorageType, rows: number, k: number, fineRows = 0): number {
  if (type === "f32" || type === "f16") return 0;
  const padded = roundUp(roundUp(k, inputMultiple(type)), 16);
  const sums = (count: number) => (type === "q4_k" ? roundUp(4 * count * (padded / 32), 64) : 0);
  const low = roundUp(fineRows * padded, 64) + sums(fineRows);
  return roundUp(rows * padded, 64) + roundUp(4 * rows, 64) + sums(rows) + low;
}

export function attentionScratch(rows: number, heads: number, dim: number): number {
  const dimPadded = roundUp(dim, 16);
  const rowsPadded = roundUp(rows, 16);
  const sizes = [rows * heads * dimPadded, 4 * rows * heads, heads * rowsPadded * dimPadded, 4 * heads * rowsPadded];
  return [...sizes, heads * dimPadded * rowsPadded, 4 * heads * dimPadded].reduce(
    (sum, size) => sum + roundUp(size, 64),
    0,
  );
}

/**
 * A model of a few kilobytes that takes most ways through the runtime. Entry `encode`: `x` f32 [rows, width], dynamic,
 * goes through layer norm, attention with a residual, and a GELU layer to `z` f32 [rows, width/2 + 3]. Entry `step`:
 * adds `u` f32 [1, 8] to a state and answers the sum. Weights come from the seed.
 */
export function smallPack(type: StorageType, options: SmallPackOptions = {}): Uint8Array {
  const random = new Xorshift32(options.seed ?? 0x51a11);
  const { heads, dim } = options.width ?? wholeWidth(type);
  const width = heads * dim;
  const outputs = Math.floor(width / 2) + 3;
  const rows = SMALL_ROWS_MAX;
  const { fineRows } = options;
  const isNew = width % inputMultiple(type) > 0 || fineRows !== undefined || options.attention === "i8_diffused";
  const pack = new PackBuilder(`small-${type}`).versionMinor(isNew ? 1 : typeVersion(type));
  const values = (count: number, scale: number, offset = 0) =>
    Float32Array.from({ length: count }, () => random.unit() * scale + offset);
  const weight = (name: string, n: number, k: number) =>
    pack.constant(name, type, [n, k], randomWeight(type, n, k, random));

  const gamma = pack.vector("norm.weight", [width], values(width, 0.5, 1));
  const beta = pack.vector("norm.bias", [width], values(width, 0.1));
  const qkvWeight = weight("qkv.weight", 3 * width, width);
  const qkvBias = pack.vector("qkv.bias", [3 * width], values(3 * width, 0.1));
  const outWeight = weight("out.weight", width, width);
  const gate = pack.vector("out.gate", [1, width], values(width, 1));
  const upWeight = weight("up.weight", outputs, width);
  const upBias = pack.vector("up.bias", [outputs], values(outputs, 0.1));

  const dynamic = { dynamic: true };
  const x = pack.activation("x", [rows, width], dynamic);
  const normed = pack.activation("normed", [rows, width], dynamic);
  const qkv = pack.activation("qkv", [rows, 3 * width], { dynamic: true, region: "slow" });
  const part = (name: string, index: number) =>
    pack.activation(name, [rows, width], { dynamic: true, view: { of: qkv, elements: index * width } });
  const [q, k, v] = [part("q", 0), part("k", 1), part("v", 2)];
  const mixed = pack.activation("mixed", [rows, width], dynamic);
  const y = pack.activation("y", [rows, width], dynamic);
  const z = pack.activation("z", [rows, outputs], dynamic);
  const fine = fineRows === undefined ? {} : { fine_rows: fineRows };
  const linear = { ...pack.scratch(linearScratch(type, rows, width, fineRows)), ...fine };
  const compute = options.attention ?? (type === "f32" || type === "f16" ? "f32" : "i8");
  const attention = pack.scratch(compute !== "f32" ? attentionScratch(rows, heads, dim) : 0);

  const addToState = stateEntry(pack);

  pack.entry(
    "encode",
    rows,
    [{ name: "x", tensor: x, kind: "tensor" }],
    [{ name: "z", tensor: z, kind: "latent" }],
    [
      { op: "layer_norm", x, out: normed, eps: 1e-5, gamma, beta },
      { op: "linear", x: normed, w: qkvWeight, out: qkv, bias: qkvBias, ...linear },
      {
        op: "attention",
        q,
        k,
        v,
        out: mixed,
        heads,
        kv_heads: heads,
        scale: dim ** -0.5,
        causal: true,
        compute,
        ...attention,
      },
      { op: "linear", x: mixed, w: outWeight, out: y, gate, residual: x, ...linear },
      { op: "linear", x: y, w: upWeight, out: z, bias: upBias, act: "gelu", ...linear },
    ],
  );
  addToState();
  for (const golden of options.goldens ?? []) pack.golden(golden);
  if (options.meta) pack.meta(options.meta);
  return pack.build();
}

/** Declares the tensors of entry `step`; the answer adds the entry. */
function stateEntry(pack: PackBuilder): () => void {
  const u = pack.activation("u", [1, 8]);
  const sum = pack.activation("sum", [1, 8], { region: "state" });
  const total = pack.activation("total", [1, 8]);
  return () =>
    pack.entry(
      "step",
      1,
      [{ name: "u", tensor: u, kind: "action" }],
      [{ name: "total", tensor: total, kind: "tensor" }],
      [
        { op: "add", a: sum, b: u, out: sum },
        { op: "copy", x: sum, out: total },
      ],
    );
}

/** An input for `encode` of `rows` rows, numbers in [-1, 1). */
export function smallInput(
  type: StorageType,
  rows: number,
  seed = 7,
  { heads, dim }: SmallWidth = wholeWidth(type),
): Uint8Array {
  const random = new Xorshift32(seed);
  return new Uint8Array(Float32Array.from({ length: rows * heads * dim }, () => random.unit()).buffer);
}
