import { activationFunctions, attentionComputes } from "../format/ops.js";
import { type StorageTypeName, storageTypeNames, weightTraits } from "../format/types.js";
import type { OpCase } from "./opPack.js";

type Shape = readonly [m: number, n: number, k: number];

/** Rows odd and even, one panel and many, short sums and long ones: what tells the kinds of work apart. */
const SHAPES: readonly Shape[] = [
  [1, 16, 256],
  [1, 192, 512],
  [1, 64, 1024],
  [2, 64, 256],
  [3, 192, 256],
  [3, 768, 256],
  [5, 48, 512],
  [16, 96, 256],
  [33, 16, 768],
  [64, 32, 256],
  [129, 16, 256],
];
/** Types without blocks take any number of columns. */
const NARROW: readonly Shape[] = [
  [1, 192, 32],
  [4, 64, 32],
  [64, 16, 10],
  [17, 64, 192],
  [3, 96, 200],
];

/** With a row of two digits. */
const FINE: readonly Shape[] = [
  [1, 192, 256],
  [17, 32, 512],
];

const linear =
  (type: StorageTypeName) =>
  ([m, n, k]: Shape): OpCase => ({ op: "linear", type, m, n, k });

const fineLinear =
  (type: StorageTypeName) =>
  ([m, n, k]: Shape): OpCase => ({ op: "linear", type, m, n, k, fineRows: 1 });

const ATTENTION = [
  { m: 1, heads: 3, dim: 64, causal: false },
  { m: 3, heads: 16, dim: 64, causal: true },
  { m: 2, heads: 4, dim: 32, causal: true },
  { m: 16, heads: 4, dim: 32, causal: false },
  { m: 50, heads: 3, dim: 32, causal: false },
  { m: 65, heads: 2, dim: 64, causal: false },
  { m: 128, heads: 1, dim: 64, causal: true },
  { m: 200, heads: 1, dim: 32, causal: false },
] as const;

const ROWS = [
  [1, 192],
  [3, 192],
  [50, 96],
  [128, 64],
  [17, 768],
] as const;

/** What is measured for the table of costs, with f32 sums as models of exact numbers have them. */
export const EXACT_CASES: readonly OpCase[] = [
  ...storageTypeNames.flatMap((type) =>
    [...SHAPES, ...(weightTraits(type).k_multiple === 1 ? NARROW : [])].map(linear(type)),
  ),
  ...activationFunctions
    .filter((act) => act !== "none")
    .flatMap((act): OpCase[] => [
      { op: "linear", type: "i8", m: 16, n: 64, k: 32, act },
      { op: "linear", type: "i8", m: 3, n: 256, k: 32, act },
      { op: "act", m: 16, n: 64, act },
    ]),
  { op: "linear", type: "i8", m: 16, n: 64, k: 32, bias: true },
  { op: "linear", type: "i8", m: 16, n: 64, k: 32, bias: true, residual: true },
  { op: "linear", type: "f32", m: 16, n: 64, k: 32, bias: true },
  ...storageTypeNames
    .filter((type) => weightTraits(type).products === "integers")
    .flatMap((type) => FINE.map(fineLinear(type))),
  ...attentionComputes.flatMap((compute) => ATTENTION.map((shape): OpCase => ({ op: "attention", compute, ...shape }))),
  ...ROWS.flatMap(([m, n]): OpCase[] => [
    { op: "layer_norm", m, n },
    { op: "layer_norm", m, n, gamma: true, beta: true },
    { op: "rms_norm", m, n, gamma: true },
    { op: "rms_norm", m, n },
    { op: "add", m, n },
    { op: "mul", m, n },
    { op: "modulate", m, n },
    { op: "copy", m, n },
  ]),
  { op: "patchify", side: 56, patch: 8 },
  { op: "patchify", side: 28, patch: 14 },
  { op: "patchify", side: 64, patch: 4 },
];

/** The same for models of reference numbers, whose f32 products and sums are one instruction. */
export const REFERENCE_CASES: readonly OpCase[] = [
  ...(["f32", "f16"] as const).flatMap((type) => [...SHAPES, ...NARROW].map(linear(type))),
  ...ATTENTION.map((shape): OpCase => ({ op: "attention", compute: "f32", ...shape })),
];

/** Shapes of lewm-tworoom, and others that the table was not fitted to. */
export const HELD_OUT_CASES: readonly OpCase[] = [
  { op: "linear", type: "i8", m: 3, n: 1152, k: 192, bias: true },
  { op: "linear", type: "i8", m: 257, n: 192, k: 192, bias: true, residual: true },
  { op: "linear", type: "i8", m: 257, n: 64, k: 192, bias: true, act: "gelu" },
  { op: "linear", type: "i8", m: 1, n: 192, k: 2048, bias: true },
  { op: "linear", type: "f16", m: 7, n: 80, k: 192, bias: true },
  { op: "linear", type: "f32", m: 7, n: 80, k: 192, bias: true },
  { op: "linear", type: "q8_0", m: 50, n: 96, k: 384 },
  { op: "linear", type: "q4_0", m: 7, n: 192, k: 384 },
  { op: "linear", type: "q4_k", m: 7, n: 192, k: 512 },
  { op: "linear", type: "q6_k", m: 7, n: 192, k: 512 },
  { op: "linear", type: "i4", m: 7, n: 192, k: 384 },
  { op: "linear", type: "i3", m: 7, n: 192, k: 384 },
  { op: "linear", type: "i4", m: 9, n: 192, k: 588, bias: true },
  { op: "linear", type: "i2", m: 7, n: 192, k: 384 },
  { op: "linear", type: "i5", m: 7, n: 192, k: 384 },
  { op: "linear", type: "i6", m: 7, n: 192, k: 384 },
  { op: "attention", compute: "i8", m: 257, heads: 1, dim: 64, causal: false },
  { op: "attention", compute: "f32", m: 50, heads: 3, dim: 32, causal: false },
  { op: "attention", compute: "i8", m: 3, heads: 16, dim: 64, causal: true },
  { op: "attention", compute: "i8_diffused", m: 257, heads: 1, dim: 64, causal: false },
  { op: "attention", compute: "i8_diffused", m: 3, heads: 16, dim: 64, causal: true },
  { op: "linear", type: "i8", m: 257, n: 192, k: 192, bias: true, residual: true, fineRows: 1 },
  { op: "linear", type: "i4", m: 1, n: 192, k: 768, bias: true, fineRows: 1 },
  { op: "layer_norm", m: 257, n: 192, gamma: true, beta: true },
  { op: "modulate", m: 3, n: 192 },
  { op: "patchify", side: 224, patch: 14 },
];
