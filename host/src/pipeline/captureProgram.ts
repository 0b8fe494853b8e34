import { InputError } from "synapse-engine/errors";
import { limits } from "../format/limits.js";
import {
  type Activation,
  type Allocation,
  type Entry,
  type Op,
  type OpOf,
  operands,
  type Port,
  type Program,
} from "../program/program.js";

/** Linear weights that see the very same inputs, whose moments are gathered once. */
export interface InputStatistic {
  /** Numbers of a row of inputs. */
  readonly k: number;
  /** Names of the weights. */
  readonly weights: readonly string[];
}

/** Rows `start..start+count` of activations of `of` rows. */
export interface RowRange {
  readonly start: number;
  readonly count: number;
  readonly of: number;
}

/** An entry that runs the beginning of another and answers inputs of linear layers. */
export interface CaptureEntry {
  readonly name: string;
  /** For each output, which statistics its rows belong to. */
  readonly outputs: readonly (readonly number[])[];
}

export interface Capture {
  /** The program's own entries, and behind them those that capture. */
  readonly program: Program;
  readonly statistics: readonly InputStatistic[];
  /** By the name of the program's own entry. */
  readonly entries: ReadonlyMap<string, readonly CaptureEntry[]>;
  /** Of entries that read their result from a few of many rows, such as a class token, which ones. */
  readonly selected: ReadonlyMap<string, RowRange>;
}

/** An activation that linear layers of an entry read, and the op before which it is complete. */
interface Use {
  readonly key: string;
  readonly x: Activation;
  readonly at: number;
  readonly weights: Set<string>;
}

/**
 * Adds entries to a program whose outputs are the inputs of its linear layers, as many an entry as the format has
 * ports. Throws an InputError `CAPTURE_ENTRIES` when that are more entries than the format has.
 */
export function captureProgram(program: Program): Capture {
  const uses = new Map(program.entries.map((entry) => [entry.name, usesOf(entry)]));
  const { statistics, ofUse } = groupWeights([...uses.values()].flat());
  const made: Entry[] = [];
  const entries = new Map<string, CaptureEntry[]>();
  for (const entry of program.entries) {
    const all = uses.get(entry.name) as Use[];
    const parts: CaptureEntry[] = [];
    for (let start = 0; start < all.length; start += limits.ports_max) {
      const chunk = all.slice(start, start + limits.ports_max);
      const name = `capture-${made.length}`;
      made.push(captureEntry(name, entry, chunk));
      parts.push({ name, outputs: chunk.map(({ key }) => ofUse.get(key) as readonly number[]) });
    }
    entries.set(entry.name, parts);
  }
  const total = program.entries.length + made.length;
  if (total > limits.entries_max) {
    throw new InputError({
      code: "CAPTURE_ENTRIES",
      source: program.name,
      message: `calibration needs ${total} entries to see the inputs of all linear layers`,
      expected: `at most ${limits.entries_max}: a model of fewer layers`,
    });
  }
  const selected = new Map(
    program.entries.flatMap((entry) => {
      const range = selectedRows(entry);
      return range === undefined ? [] : [[entry.name, range] as const];
    }),
  );
  return { program: { ...program, entries: [...program.entries, ...made] }, statistics, entries, selected };
}

/** At most this share of the rows is a selection of few. */
const SELECTED_SHARE_MAX = 1 / 4;

/** The rows that an op reads alone of an activation of many. */
function selectedRows({ ops }: Entry): RowRange | undefined {
  for (const op of ops) {
    for (const { tensor, access } of operands(op)) {
      if (tensor.kind === "constant" || tensor.dynamic || access !== "read" || tensor.shape.length !== 2) continue;
      const [count, columns] = tensor.shape as [number, number];
      const rowBytes = (tensor.stride ?? columns) * 4;
      const of = tensor.allocation.bytes / rowBytes;
      if (count <= of * SELECTED_SHARE_MAX) return { start: Math.floor(tensor.byteOffset / rowBytes), count, of };
    }
  }
  return undefined;
}

function usesOf(entry: Entry): Use[] {
  const found = new Map<string, Use>();
  entry.ops.forEach((op, at) => {
    if (op.op !== "linear") return;
    const { x } = op;
    const key = `${entry.name} ${x.allocation.name} ${x.byteOffset} ${x.shape.join("x")} ${x.stride ?? ""}`;
    const use = found.get(key);
    if (use === undefined) found.set(key, { key, x, at, weights: new Set([op.w.name]) });
    else use.weights.add(op.w.name);
  });
  return [...found.values()];
}

/** Weights by the uses that feed them: those with the same uses have the same inputs. */
function groupWeights(uses: readonly Use[]): {
  statistics: InputStatistic[];
  ofUse: Map<string, number[]>;
} {
  const usesOfWeight = new Map<string, Use[]>();
  for (const use of uses)
    for (const weight of use.weights) usesOfWeight.set(weight, [...(usesOfWeight.get(weight) ?? []), use]);
  const statistics: (InputStatistic & { weights: string[] })[] = [];
  const bySignature = new Map<string, number>();
  const ofUse = new Map<string, number[]>(uses.map(({ key }) => [key, []]));
  for (const [weight, fedBy] of usesOfWeight) {
    const signature = fedBy.map(({ key }) => key).join("\n");
    const known = bySignature.get(signature);
    if (known !== undefined) {
      statistics[known]?.weights.push(weight);
      continue;
    }
    const index = statistics.push({ k: fedBy[0]?.x.shape[1] as number, weights: [weight] }) - 1;
    bySignature.set(signature, index);
    for (const { key } of fedBy) ofUse.get(key)?.push(index);
  }
  return { statistics, ofUse };
}

function captureEntry(name: string, entry: Entry, uses: readonly Use[]): Entry {
  const ops: Op[] = entry.ops.slice(0, Math.max(...uses.map(({ at }) => at)));
  const given = new Set(entry.inputs.map(({ tensor }) => tensor.allocation));
  const outputs = uses.map(({ x }, i): Port => {
    const tensor = x.stride === undefined && !given.has(x.allocation) ? x : copied(x, `${name} ${i}`, ops);
    return { name: `input-${i}`, kind: "tensor", tensor };
  });
  return withOwnMemory({ name, rowsMax: entry.rowsMax, inputs: entry.inputs, outputs, ops });
}

/** The same entry with allocations of its own: the planner gives each one place, and lives of them differ by entry. */
function withOwnMemory(entry: Entry): Entry {
  const allocations = new Map<Allocation, Allocation>();
  const moved = (tensor: Activation): Activation => {
    const allocation = allocations.get(tensor.allocation) ?? { ...tensor.allocation };
    allocations.set(tensor.allocation, allocation);
    return { ...tensor, allocation };
  };
  const port = ({ tensor, ...named }: Port): Port => ({ ...named, tensor: moved(tensor) });
  const ops = entry.ops.map((op) => {
    const own = operands(op).flatMap(({ key, tensor }) =>
      tensor.kind === "activation" ? [[key, moved(tensor)] as const] : [],
    );
    return { ...op, ...Object.fromEntries(own) } as Op;
  });
  return { ...entry, inputs: entry.inputs.map(port), outputs: entry.outputs.map(port), ops };
}

/** A dense copy of what an output cannot be: a view with gaps, or an input of the entry. */
function copied(x: Activation, name: string, ops: Op[]): Activation {
  const [rows, columns] = x.shape as [number, number];
  const allocation: Allocation = { name, bytes: rows * columns * 4, role: "activation" };
  const out: Activation = {
    kind: "activation",
    name,
    type: "f32",
    shape: [rows, columns],
    dynamic: x.dynamic,
    allocation,
    byteOffset: 0,
  };
  const copy: OpOf<"copy"> = { op: "copy", x, out };
  ops.push(copy);
  return out;
}
