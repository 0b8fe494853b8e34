import {
  type Activation,
  type Allocation,
  type Constant,
  type Entry,
  type Op,
  type OpOf,
  operands,
  type Program,
} from "../program/program.js";

/** A linear layer that makes columns which a unit can lose: column c is its row `firstRow + c`. */
export interface Producer {
  readonly weight: Constant;
  readonly bias: Constant | undefined;
  readonly firstRow: number;
}

/** Where a unit is in one entry. */
export interface Site {
  readonly consumer: OpOf<"linear">;
  /** The attention between producers and consumer, of a unit of heads. */
  readonly attention: OpOf<"attention"> | undefined;
  /** Activations that become narrower: which of their columns are the unit's, as starts of runs of all its columns. */
  readonly narrowed: ReadonlyMap<Allocation, readonly number[]>;
}

/**
 * Parts of a program that can be cut without changing the shape of anything outside: hidden channels between linear
 * layers, or whole attention heads. Part i is the columns `i * partColumns..` of what the consumer reads.
 */
export interface Unit {
  readonly kind: "channels" | "heads";
  /** The consumer's weight, which nothing else in the program uses. */
  readonly name: string;
  readonly parts: number;
  readonly partColumns: number;
  readonly producers: readonly Producer[];
  readonly consumer: { readonly weight: Constant; readonly bias: Constant | undefined };
  readonly sites: readonly Site[];
}

/**
 * Every unit of a program, in the order of its ops. Units never share a weight as producers, nor as consumers; of a
 * chain of linear layers one may be both.
 */
export function findUnits(program: Program): Unit[] {
  const uses = usesOf(program);
  const byConsumer = new Map<Constant, Found[]>();
  for (const entry of program.entries) {
    const tracer = new Tracer(entry);
    for (const op of entry.ops) {
      const found = op.op === "linear" ? tracer.unitBefore(op) : undefined;
      if (found === undefined) continue;
      byConsumer.set(found.consumer.weight, [...(byConsumer.get(found.consumer.weight) ?? []), found]);
    }
  }
  return [...byConsumer.values()].flatMap((found) => {
    const [first] = found as [Found];
    const same = found.every((other) => sameConstants(first, other));
    const whole = constantsIn(first).every((constant) => uses.get(constant) === found.length);
    return same && whole ? [{ ...first, sites: found.flatMap(({ sites }) => sites) }] : [];
  });
}

type Found = Unit;

/** In how many ops each constant stands. */
function usesOf(program: Program): Map<Constant, number> {
  const uses = new Map<Constant, number>();
  for (const { ops } of program.entries)
    for (const op of ops)
      for (const { tensor } of operands(op))
        if (tensor.kind === "constant") uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  return uses;
}

function constantsIn({ producers, consumer }: Unit): Constant[] {
  const all = [consumer, ...producers].flatMap(({ weight, bias }) => (bias === undefined ? [weight] : [weight, bias]));
  return [...new Set(all)];
}

function sameConstants(a: Unit, b: Unit): boolean {
  const key = ({ kind, producers }: Unit) => [kind, ...producers.map(({ firstRow }) => firstRow)].join();
  const [left, right] = [constantsIn(a), constantsIn(b)];
  return key(a) === key(b) && left.length === right.length && left.every((constant, i) => constant === right[i]);
}

/** What makes the columns of one activation, none of which anybody else reads. */
interface Trace {
  readonly producers: Producer[];
  readonly narrowed: Map<Allocation, number[]>;
  attention: OpOf<"attention"> | undefined;
}

class Tracer {
  private readonly entry: Entry;
  private readonly writers = new Map<Allocation, Op[]>();
  private readonly readers = new Map<Allocation, { op: Op; key: string; tensor: Activation }[]>();
  /** What callers write or read is as wide as it is. */
  private readonly ports: ReadonlySet<Allocation>;

  constructor(entry: Entry) {
    this.entry = entry;
    for (const op of this.entry.ops) {
      for (const { key, tensor, access } of operands(op)) {
        if (tensor.kind === "constant") continue;
        const { allocation } = tensor;
        if (access === "write") this.writers.set(allocation, [...(this.writers.get(allocation) ?? []), op]);
        if (access === "read")
          this.readers.set(allocation, [...(this.readers.get(allocation) ?? []), { op, key, tensor }]);
      }
    }
    this.ports = new Set([...entry.inputs, ...entry.outputs].map(({ tensor }) => tensor.allocation));
  }

  unitBefore(consumer: OpOf<"linear">): Found | undefined {
    const trace: Trace = { producers: [], narrowed: new Map(), attention: undefined };
    const columns = consumer.x.shape[1] as number;
    if (!this.traced(consumer.x, consumer, trace)) return undefined;
    const { attention, producers, narrowed } = trace;
    if (new Set(producers.map(({ weight }) => weight)).has(consumer.w)) return undefined;
    return {
      kind: attention === undefined ? "channels" : "heads",
      name: consumer.w.name,
      parts: attention?.heads ?? columns,
      partColumns: attention === undefined ? 1 : columns / attention.heads,
      producers,
      consumer: { weight: consumer.w, bias: consumer.bias },
      sites: [{ consumer, attention, narrowed }],
    };
  }

  /** Whether all columns of `x`, which only `reader` reads, come from linear layers; notes them in `trace`. */
  private traced(x: Activation, reader: Op, trace: Trace): boolean {
    const { allocation } = x;
    const readers = this.readers.get(allocation) ?? [];
    const [writer, ...others] = this.writers.get(allocation) ?? [];
    if (writer === undefined || others.length > 0 || this.ports.has(allocation) || !isWhole(x)) return false;
    if (readers.some(({ op, tensor }) => op !== reader || !isWhole(tensor))) return false;
    trace.narrowed.set(allocation, [0]);
    switch (writer.op) {
      case "linear":
        return this.tracedLinear(writer, 0, trace);
      case "act":
        return this.traced(writer.x, writer, trace);
      case "mul":
        return (
          writer.b.kind === "activation" && this.traced(writer.a, writer, trace) && this.traced(writer.b, writer, trace)
        );
      case "attention":
        return this.tracedAttention(writer, trace);
      default:
        return false;
    }
  }

  private tracedLinear(op: OpOf<"linear">, firstRow: number, trace: Trace): boolean {
    if (op.residual !== undefined) return false;
    trace.producers.push({ weight: op.w, bias: op.bias, firstRow });
    if (op.gate === undefined) return true;
    return op.gate.kind === "activation" && sameShape(op.gate, op.out) && this.traced(op.gate, op, trace);
  }

  /** Heads can go where each has keys and values of its own. */
  private tracedAttention(op: OpOf<"attention">, trace: Trace): boolean {
    if (op.heads !== op.kv_heads || op.heads < 2 || trace.attention !== undefined || trace.producers.length > 0)
      return false;
    trace.attention = op;
    return [op.q, op.k, op.v].every((x) => {
      const { allocation } = x;
      const [writer, ...others] = this.writers.get(allocation) ?? [];
      if (writer?.op !== "linear" || others.length > 0 || this.ports.has(allocation)) return false;
      if (!isWhole(writer.out) || writer.gate !== undefined) return false;
      if ((this.readers.get(allocation) ?? []).some((read) => read.op !== op)) return false;
      const firstColumn = (x.byteOffset / 4) % (writer.out.shape[1] as number);
      trace.narrowed.set(allocation, [...(trace.narrowed.get(allocation) ?? []), firstColumn]);
      return this.tracedLinear(writer, firstColumn, trace);
    });
  }
}

/** All rows and columns of its memory, side by side. */
function isWhole({ shape, byteOffset, stride, allocation, dynamic }: Activation): boolean {
  const [rows, columns] = shape as [number, number];
  if (shape.length !== 2 || byteOffset !== 0 || (stride ?? columns) !== columns) return false;
  return dynamic || rows * columns * 4 === allocation.bytes;
}

function sameShape(a: Activation, b: Activation): boolean {
  return a.shape.every((length, i) => length === b.shape[i]);
}
