import { inPlaceKey } from "../format/ops.js";
import { type Activation, type Allocation, type Entry, type Op, operands, type Tensor } from "../program/program.js";

/** Allocations that take over each other's bytes in place; they live and are placed as one. */
export interface Group {
  readonly allocations: Allocation[];
  readonly bytes: number;
  readonly role: Allocation["role"];
  /** Index of the op that first writes it; -1 for inputs, which the caller writes before the run. */
  first: number;
  /** Index of the last op that uses it; the number of ops for outputs, which the caller reads after the run. */
  last: number;
  /** Estimated bytes read and written in one run. */
  traffic: number;
}

/** First and last use of each allocation of an entry, and how much is moved through it, in order of first use. */
export function allocationLifetimes(entry: Entry): Map<Allocation, Group> {
  const groups = new Map<Allocation, Group>();
  const touch = (tensor: Tensor, at: number, traffic: number) => {
    if (tensor.kind === "constant") return;
    const { allocation } = tensor;
    const group = groups.get(allocation);
    if (group === undefined) {
      groups.set(allocation, {
        allocations: [allocation],
        bytes: allocation.bytes,
        role: allocation.role,
        first: at,
        last: at,
        traffic,
      });
    } else {
      group.first = Math.min(group.first, at);
      group.last = Math.max(group.last, at);
      group.traffic += traffic;
    }
  };
  for (const { tensor } of entry.inputs) touch(tensor, -1, 0);
  entry.ops.forEach((op, at) => {
    for (const { key, tensor } of operands(op))
      if (tensor.kind === "activation") touch(tensor, at, tensorBytes(tensor) * passes(op, key));
  });
  for (const { tensor } of entry.outputs) touch(tensor, entry.ops.length, 0);
  return groups;
}

function tensorBytes(tensor: Activation): number {
  return tensor.shape.reduce((product, dimension) => product * dimension, tensor.type === "u8" ? 1 : 4);
}

/**
 * How often an op goes over an operand: a linear layer reads its rows once a panel of 16 outputs, attention its keys
 * once a tile of 16 queries.
 */
function passes(op: Op, key: string): number {
  if (op.op === "linear") {
    const panels = Math.ceil((op.w.shape[0] as number) / 16);
    if (key === "scratch") return 1 + panels;
    return key === "x" && op.scratch === undefined ? panels : 1;
  }
  if (op.op === "attention") {
    const tiles = Math.ceil((op.q.shape[0] as number) / 16);
    if (key === "scratch") return 1 + tiles;
    return (key === "k" || key === "v") && op.scratch === undefined ? tiles : 1;
  }
  return 1;
}

/**
 * Joins allocations where an op may work in place: its operand dies there, and its result begins there and has the same
 * bytes.
 */
export function joinInPlace(entry: Entry, lifetimes: ReadonlyMap<Allocation, Group>): Group[] {
  const groupOf = new Map(lifetimes);
  entry.ops.forEach((op, at) => {
    const key = inPlaceKey(op.op);
    const all = operands(op);
    const operand = all.find((candidate) => candidate.key === key)?.tensor;
    const { out } = op;
    if (operand === undefined || operand.kind === "constant" || !wholeAllocation(operand) || !wholeAllocation(out))
      return;
    const from = groupOf.get(operand.allocation) as Group;
    const to = groupOf.get(out.allocation) as Group;
    if (from === to || from.last !== at || to.first !== at || from.bytes !== to.bytes) return;
    // The op must not read the same bytes a second time through another operand.
    const others = all.filter(
      (other) => other.key !== key && other.key !== "out" && other.tensor.kind === "activation",
    );
    if (others.some((other) => groupOf.get((other.tensor as Activation).allocation) === from)) return;
    from.allocations.push(...to.allocations);
    from.last = to.last;
    from.traffic += to.traffic;
    for (const allocation of to.allocations) groupOf.set(allocation, from);
  });
  return [...new Set(groupOf.values())];
}

/** Whether a tensor is all of its allocation, row after row. */
export function wholeAllocation(tensor: Activation): boolean {
  return tensor.byteOffset === 0 && tensor.stride === undefined && tensorBytes(tensor) === tensor.allocation.bytes;
}
