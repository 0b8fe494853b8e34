import type { Activation, Allocation, Constant, Op, Program, Tensor } from "../program/program.js";
import { attentionScratchBytes, linearScratchBytes } from "../program/scratch.js";
import type { Unit } from "./units.js";

/** What is left of a unit. */
export interface Cut {
  readonly unit: Unit;
  /** Parts that stay, ascending; at least one. */
  readonly kept: readonly number[];
  /** The consumer's weight `[n, kept columns]` and bias `[n]`, fitted to what is left; as they were when absent. */
  readonly refitted?: { readonly weight: Float32Array; readonly bias?: Float32Array };
}

/**
 * A program without the parts that were cut: narrower activations, fewer heads, weights without their rows and columns.
 * Everything else is what it was, the ports too. Weights are still read only when they are packed.
 */
export function applyCuts(program: Program, cuts: readonly Cut[]): Program {
  const surgeon = new Surgeon(cuts);
  return {
    ...program,
    entries: program.entries.map((entry) => ({ ...entry, ops: entry.ops.map((op) => surgeon.op(op)) })),
  };
}

/** Columns of the consumer's input that stay. */
export function keptColumns({ partColumns }: Unit, kept: readonly number[]): number[] {
  return kept.flatMap((part) => Array.from({ length: partColumns }, (_, i) => part * partColumns + i));
}

class Surgeon {
  /** The columns that stay of each activation that becomes narrower. */
  private readonly columns = new Map<Allocation, readonly number[]>();
  private readonly allocations = new Map<Allocation, Allocation>();
  private readonly constants = new Map<Constant, Constant>();
  private readonly heads = new Map<Op, number>();
  /** Biases of layers that had none, by their weight as it was. */
  private readonly addedBiases = new Map<Constant, Constant>();

  constructor(cuts: readonly Cut[]) {
    // A layer may lose columns as the consumer of one unit and rows as a producer of another: columns go first, since
    // what was refitted has all rows.
    for (const cut of cuts) this.cutConsumer(cut);
    for (const cut of cuts) this.cutProducers(cut);
    for (const { unit, kept } of cuts) {
      for (const { attention, narrowed } of unit.sites) {
        if (attention !== undefined) this.heads.set(attention, kept.length);
        for (const [allocation, starts] of narrowed)
          this.columns.set(allocation, remaining(widthOf(unit, allocation, starts), unit, kept, starts));
      }
    }
  }

  op(op: Op): Op {
    const mapped = Object.fromEntries(
      Object.entries(op).map(([key, value]) => [
        key,
        isTensor(value) && key !== "scratch" ? this.tensor(value) : value,
      ]),
    ) as unknown as Op;
    const heads = this.heads.get(op);
    if (mapped.op === "linear") {
      const added = op.op === "linear" ? this.addedBiases.get(op.w) : undefined;
      const linear = added === undefined ? mapped : { ...mapped, bias: added };
      return this.withScratch(linear, linearScratchBytes(linear.w.type, ...shape2(linear.x), linear.fine_rows));
    }
    if (mapped.op !== "attention") return mapped;
    const attention = heads === undefined ? mapped : { ...mapped, heads, kv_heads: heads };
    const { q, k, compute, heads: all, kv_heads } = attention;
    const [rows, columns] = shape2(q);
    return this.withScratch(
      attention,
      attentionScratchBytes(compute, rows, shape2(k)[0], all, kv_heads, columns / all),
    );
  }

  private withScratch<O extends Op & { scratch?: Activation }>(op: O, bytes: number): O {
    if (op.scratch === undefined || op.scratch.allocation.bytes === bytes) return op;
    const allocation = { ...op.scratch.allocation, bytes };
    return {
      ...op,
      scratch: { ...op.scratch, allocation, shape: op.scratch.shape.length === 1 ? [bytes] : [bytes / 64, 64] },
    };
  }

  private tensor(tensor: Tensor): Tensor {
    if (tensor.kind === "constant") return this.constants.get(tensor) ?? tensor;
    const columns = this.columns.get(tensor.allocation);
    return columns === undefined ? tensor : this.narrowed(tensor, columns);
  }

  private narrowed(x: Activation, columns: readonly number[]): Activation {
    const [rows, width] = shape2(x);
    const allRows = x.allocation.bytes / 4;
    const before = x.stride ?? width;
    const first = (x.byteOffset / 4) % before;
    const inside = columns.filter((column) => column >= first && column < first + width);
    const skipped = columns.filter((column) => column < first).length;
    const known = this.allocations.get(x.allocation);
    const allocation = known ?? { ...x.allocation, bytes: (allRows / before) * columns.length * 4 };
    this.allocations.set(x.allocation, allocation);
    const { stride: _, ...rest } = x;
    const firstRow = Math.floor(x.byteOffset / 4 / before);
    return {
      ...rest,
      shape: [rows, inside.length],
      allocation,
      byteOffset: (firstRow * columns.length + skipped) * 4,
      ...(inside.length === columns.length ? {} : { stride: columns.length }),
    };
  }

  private cutConsumer({ unit, kept, refitted }: Cut): void {
    const { weight, bias } = unit.consumer;
    const [n, k] = weight.shape as [number, number];
    const columns = keptColumns(unit, kept);
    const load = async () => refitted?.weight ?? selectColumns(await weight.load(), n, k, columns);
    this.constants.set(weight, replaced(weight, [n, columns.length], load));
    const fitted = refitted?.bias;
    if (fitted === undefined) return;
    if (bias !== undefined)
      this.constants.set(
        bias,
        replaced(bias, [n], async () => fitted),
      );
    else this.addedBiases.set(weight, biasOf(weight, fitted));
  }

  private cutProducers({ unit, kept }: Cut): void {
    const startsOf = new Map<Constant, number[]>();
    for (const { weight, bias, firstRow } of unit.producers)
      for (const constant of bias === undefined ? [weight] : [weight, bias])
        startsOf.set(constant, [...(startsOf.get(constant) ?? []), firstRow]);
    for (const [constant, starts] of startsOf) {
      const now = this.constants.get(constant) ?? constant;
      const rows = remaining(now.shape[0] as number, unit, kept, starts);
      const rest = now.shape.slice(1);
      const each = rest.reduce((product, length) => product * length, 1);
      const load = async () => selectRows(await now.load(), each, rows);
      this.constants.set(constant, replaced(now, [rows.length, ...rest], load));
    }
  }
}

/** A bias for a layer that had none. */
function biasOf({ name, sources }: Constant, values: Float32Array): Constant {
  const own = `${name.replace(/\.weight$/, "")}.bias`;
  return {
    kind: "constant",
    name: own,
    type: "f32",
    shape: [values.length],
    layout: "plain",
    sources,
    load: async () => values,
  };
}

/** Of `all` rows or columns, of which the unit's are in runs that begin at `starts`, those that stay. */
function remaining(all: number, unit: Unit, kept: readonly number[], starts: readonly number[]): number[] {
  const gone = new Set<number>();
  const stays = new Set(keptColumns(unit, kept));
  for (const start of starts)
    for (let i = 0; i < unit.parts * unit.partColumns; i++) if (!stays.has(i)) gone.add(start + i);
  return Array.from({ length: all }, (_, i) => i).filter((i) => !gone.has(i));
}

/** How wide a narrowed activation is: as wide as the layer that makes it. */
function widthOf(unit: Unit, allocation: Allocation, starts: readonly number[]): number {
  const columns = unit.parts * unit.partColumns;
  if (starts.length === 1 && starts[0] === 0) {
    // It may be wider than the unit only where other columns of it are read by the same attention.
    const attention = unit.sites.find((site) => site.narrowed.has(allocation))?.attention;
    const own = [attention?.q, attention?.k, attention?.v].find((x) => x?.allocation === allocation);
    return own === undefined ? columns : (own.stride ?? shape2(own)[1]);
  }
  return Math.max(...starts) + columns;
}

function replaced(constant: Constant, shape: readonly number[], load: () => Promise<Float32Array>): Constant {
  const { loadBlocks: _, stored: __, ...rest } = constant;
  return { ...rest, shape, load };
}

function selectRows(values: Float32Array, each: number, rows: readonly number[]): Float32Array {
  const out = new Float32Array(rows.length * each);
  rows.forEach((row, i) => {
    out.set(values.subarray(row * each, (row + 1) * each), i * each);
  });
  return out;
}

function selectColumns(values: Float32Array, n: number, k: number, columns: readonly number[]): Float32Array {
  const out = new Float32Array(n * columns.length);
  for (let row = 0; row < n; row++)
    for (let i = 0; i < columns.length; i++)
      out[row * columns.length + i] = values[row * k + (columns[i] as number)] as number;
  return out;
}

function shape2({ shape }: { readonly shape: readonly number[] }): [number, number] {
  return [shape[0] as number, shape[1] as number];
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "kind" in value;
}
