/**
 * What the runtime does for one op, as counts of a few kinds of work (`kernels/src/ops`, `compute`). What each kind
 * costs in instructions of the chip's library is measured and stands in instructionCosts.ts; the split into parts is
 * that of `parallel_for`.
 */

import type { ConstantHeader, OpHeader, PackHeader, TensorHeader } from "../format/header.js";
import { operandKeys } from "../format/ops.js";
import { roundUp } from "../format/roundUp.js";
import { PANEL, paddedLength, weightTraits, wholeBlocks } from "../format/types.js";

/** Work that is handed to the cores in `chunks` of equal size. */
export interface Piece {
  readonly chunks: number;
  /** How often each kind of work is done: a name of the table of costs, and a count. */
  readonly terms: readonly (readonly [kind: string, count: number])[];
}

/** One op at its largest number of rows. */
export interface OpWork {
  readonly op: OpHeader["op"];
  /** Storage type of the weights; undefined for ops without. */
  readonly weightType: string | undefined;
  /** Whether it multiplies and sums f32 numbers. */
  readonly floats: boolean;
  readonly macs: number;
  /** Numbers of the weight, whatever their type. */
  readonly weights: number;
  readonly weightBytes: number;
  /** Numbers read and written. */
  readonly activationElements: number;
  readonly pieces: readonly Piece[];
}

/** Outputs of a panel, and lanes that elementwise loops handle at a time. */
const LANES = PANEL;
/** Rows that the generic inner loops of kernels/src/isa/generic.zig take at once. */
const TILE_ROWS = 2;
const ATTENTION_ROWS = 64;

const lanes = (columns: number) => roundUp(columns, LANES);
const chunksOf = (count: number, chunk: number) => Math.ceil(count / chunk);

/** The work of every op of an entry, in the order of the file. The header has been validated. */
export function entryWork(header: PackHeader, entryName: string): OpWork[] {
  const entry = header.entries.find(({ name }) => name === entryName);
  return (entry?.ops ?? []).map((op) => opWork(op, header.tensors, header.numeric === "reference"));
}

/** `fused`: the model's numbers are `reference`, so that f32 products and sums are one instruction. */
function opWork(op: OpHeader, tensors: readonly TensorHeader[], fused: boolean): OpWork {
  const tensor = (index: number) => tensors[index] as TensorHeader;
  const [rows, columns] = matrix(tensor(op.out));
  const size = rows * columns;
  const wide = rows * lanes(columns);
  const work = (pieces: readonly Piece[], activationElements: number): OpWork => ({
    op: op.op,
    weightType: undefined,
    floats: false,
    macs: 0,
    weights: 0,
    weightBytes: 0,
    activationElements,
    pieces: [{ chunks: 1, terms: [["call", 1]] }, ...pieces],
  });
  switch (op.op) {
    case "linear":
      return linearWork(op, tensor(op.w) as ConstantHeader, rows, columns, fused, work);
    case "attention":
      return attentionWork(op, matrix(tensor(op.q)), matrix(tensor(op.k)), fused, work);
    case "layer_norm":
    case "rms_norm": {
      const vectors = [op.gamma, op.op === "layer_norm" ? op.beta : undefined].filter(
        (index) => index !== undefined,
      ).length;
      const terms = [
        [`${op.op}.row`, rows],
        [`${op.op}.value`, wide],
        ["norm.vector", vectors * wide],
      ] as const;
      return work([{ chunks: chunksOf(rows, 32), terms }], 2 * size);
    }
    case "patchify": {
      const channels = tensor(op.x).shape.at(-1) as number;
      const terms = [
        ["patchify.line", rows * channels * op.patch],
        ["patchify.value", size],
      ] as const;
      return work([{ chunks: chunksOf(rows, 32), terms }], 2 * size);
    }
    case "add":
    case "mul":
    case "modulate":
    case "act":
    case "copy": {
      const operands = operandKeys(op.op).length;
      const act = op.op === "act" && op.act !== "none" ? ([[`act.${op.act}`, wide]] as const) : [];
      const terms = [["elementwise.row", rows], [`${op.op}.value`, wide], ...act] as const;
      return work([{ chunks: chunksOf(rows, 64), terms }], operands * size);
    }
  }
}

type Work = (pieces: readonly Piece[], activationElements: number) => OpWork;

/** Pairs of rows share the weights that are loaded; a last odd row does not. */
function tiles(rows: number): { readonly paired: number; readonly single: number } {
  return { paired: rows - (rows % TILE_ROWS), single: rows % TILE_ROWS };
}

function linearWork(
  op: Extract<OpHeader, { op: "linear" }>,
  w: ConstantHeader,
  rows: number,
  n: number,
  fused: boolean,
  work: Work,
): OpWork {
  const k = wholeBlocks(w.type, w.shape[1] as number);
  const { products, minimum } = weightTraits(w.type);
  const integer = products === "integers";
  const kind = `linear.${w.type}${!integer && fused ? ".fused" : ""}`;
  const depth = paddedLength(w.type, k);
  const panels = lanes(n) / LANES;
  const outputs = rows * panels * LANES;
  // The two digits of a fine row are a pair of rows that share the weights.
  const fine = Math.min(op.fine_rows ?? 0, rows);
  const { paired, single } = tiles(rows - fine);
  const extra = [op.bias, op.gate, op.residual].filter((index) => index !== undefined).length;
  const act = op.act !== undefined && op.act !== "none" ? ([[`act.${op.act}`, outputs]] as const) : [];
  const terms = [
    [`${kind}.panel`, panels],
    [`${kind}.weight`, panels * LANES * depth],
    [`${kind}.paired_mac`, (paired + 2 * fine) * panels * LANES * depth],
    [`${kind}.single_mac`, single * panels * LANES * depth],
    [`${integer ? "linear" : "float"}.output`, outputs],
    ["linear.operand", extra * outputs],
    ...act,
  ] as const;
  // As in kernels/src/ops/linear.zig: panels are handed out so many at a time that the hand-over pays.
  const chunk = Math.max(1, Math.min(panels, Math.floor(200_000 / Math.max(rows * k * LANES, 1))));
  const quantize: Piece[] = integer
    ? [
        {
          chunks: chunksOf(rows, 16),
          terms: [
            ["quantize.row", rows],
            [`quantize.${minimum ? "value_and_sum" : "value"}`, (rows + fine) * depth],
          ],
        },
      ]
    : [];
  return {
    ...work([...quantize, { chunks: chunksOf(panels, chunk), terms }], rows * (k + n)),
    weightType: w.type,
    floats: !integer,
    macs: rows * n * k,
    weights: n * k,
    weightBytes: w.bytes,
  };
}

type Matrix = readonly [rows: number, columns: number];

function attentionWork(
  op: Extract<OpHeader, { op: "attention" }>,
  q: Matrix,
  k: Matrix,
  fused: boolean,
  work: Work,
): OpWork {
  const [rows, width] = q;
  const [keys] = k;
  const { heads, kv_heads: kvHeads } = op;
  const dim = width / heads;
  const int8 = op.compute !== "f32";
  const kind = `attention_${op.compute}${!int8 && fused ? ".fused" : ""}`;
  const depth = int8 ? lanes(dim) : dim;
  const count = { score: 0, exponential: 0, paired: 0, single: 0 };
  for (let first = 0; first < rows; first += ATTENTION_ROWS) {
    const last = Math.min(first + ATTENTION_ROWS, rows);
    for (let row = first; row < last; ) {
      const tile = row + TILE_ROWS <= last ? TILE_ROWS : 1;
      // In int8 causal rows sum over the keys that they see, in f32 over those that the last of their block sees.
      const summed = op.causal ? (int8 ? lanes(row + tile) : last) : keys;
      const seen = op.causal ? row + tile : keys;
      count.score += tile * lanes(summed);
      count.exponential += tile * lanes(seen);
      count[tile === 1 ? "single" : "paired"] += tile * (lanes(summed) * depth + summed * lanes(dim));
      row += tile;
    }
  }
  const blocks = heads * chunksOf(rows, ATTENTION_ROWS);
  const prepared: Piece[] = int8
    ? [
        {
          chunks: heads + 2 * kvHeads,
          terms: [
            [`${kind}.query`, rows * heads * depth],
            [`${kind}.key`, kvHeads * lanes(keys) * depth],
            [`${kind}.value`, kvHeads * depth * lanes(keys)],
          ],
        },
      ]
    : [];
  const terms = [
    [`${kind}.prepare`, blocks * lanes(keys) * depth],
    [`${kind}.row`, rows * heads],
    [`${kind}.score`, heads * count.score],
    [`${kind}.exponential`, heads * count.exponential],
    [`${kind}.paired_mac`, heads * count.paired],
    [`${kind}.single_mac`, heads * count.single],
    [`${kind}.output`, rows * heads * lanes(dim)],
  ] as const;
  return {
    ...work([...prepared, { chunks: blocks, terms }], 2 * (rows * width + keys * (k[1] as number))),
    floats: !int8,
    macs: 2 * rows * keys * width,
  };
}

function matrix({ shape }: TensorHeader): Matrix {
  return [shape.slice(0, -1).reduce((product, size) => product * size, 1), shape.at(-1) as number];
}
