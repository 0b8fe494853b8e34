import { InputError } from "synapse-engine/errors";
import { type ActivationHeader, type EntryHeader, isConstant, type OpHeader } from "../format/header.js";
import type { ReadPack } from "./readPack.js";

/** Rows and columns of numbers, as views into the regions or as decoded constants. */
interface Matrix {
  readonly rows: number;
  readonly columns: number;
  get(row: number, column: number): number;
  set(row: number, column: number, value: number): void;
}

/**
 * Runs an entry of a pack with plain loops in double precision, on real regions at the planned offsets: the meaning of
 * docs/format.md's table of ops without the int8 arithmetic. An oracle for the runtime, for lowering, and for memory
 * plans: regions start as NaN and every op overwrites its scratch with NaN, so that a plan which lets two live tensors
 * share bytes does not stay hidden.
 */
export class Interpreter {
  private readonly pack: ReadPack;
  private readonly regions: Record<ActivationHeader["region"], DataView>;
  private readonly decoded = new Map<number, Float32Array>();

  constructor(pack: ReadPack) {
    this.pack = pack;
    const region = (bytes: number, fill: number) => new DataView(new Uint8Array(bytes).fill(fill).buffer);
    const { fast, slow, state } = pack.header.regions;
    // All bits set is a NaN.
    this.regions = { fast: region(fast, 255), slow: region(slow, 255), state: region(state, 0) };
  }

  /** Inputs and outputs as numbers, in the order of the entry's ports. Throws InputError `ENTRY_NOT_FOUND`. */
  run(name: string, inputs: readonly ArrayLike<number>[], rows: number): Float32Array[] {
    const entry = this.pack.header.entries.find((candidate) => candidate.name === name);
    if (entry === undefined) {
      throw new InputError({
        code: "ENTRY_NOT_FOUND",
        source: "pack",
        message: `there is no entry "${name}"`,
        expected: this.entryNames(),
      });
    }
    entry.inputs.forEach((port, i) => {
      this.write(port.tensor, inputs[i] as ArrayLike<number>, rows);
    });
    for (const op of entry.ops) this.execute(op, rows);
    return this.outputs(entry, rows);
  }

  private entryNames(): string {
    return this.pack.header.entries.map(({ name }) => name).join(", ");
  }

  private outputs(entry: EntryHeader, rows: number): Float32Array[] {
    return entry.outputs.map(({ tensor }) => {
      const matrix = this.matrix(tensor, rows);
      return Float32Array.from({ length: matrix.rows * matrix.columns }, (_, i) =>
        matrix.get(Math.floor(i / matrix.columns), i % matrix.columns),
      );
    });
  }

  private write(tensor: number, values: ArrayLike<number>, rows: number): void {
    const matrix = this.matrix(tensor, rows);
    if (values.length !== matrix.rows * matrix.columns)
      throw new RangeError(`an input has ${values.length} values, expected ${matrix.rows * matrix.columns}`);
    for (let i = 0; i < values.length; i++)
      matrix.set(Math.floor(i / matrix.columns), i % matrix.columns, values[i] as number);
  }

  /** A tensor as a matrix: all dimensions but the last are rows. */
  private matrix(index: number, rows: number): Matrix {
    const tensor = this.pack.header.tensors[index];
    if (tensor === undefined) throw new RangeError(`no tensor ${index}`);
    const columns = tensor.shape[tensor.shape.length - 1] as number;
    const leading = tensor.shape.slice(0, -1);
    if (isConstant(tensor)) {
      const values = this.constant(index);
      return {
        rows: leading.reduce((product, dimension) => product * dimension, 1),
        columns,
        get: (row, column) => values[row * columns + column] as number,
        set: () => {
          throw new TypeError("constants are not written");
        },
      };
    }
    const view = this.regions[tensor.region];
    const stride = tensor.stride ?? columns;
    const { offset, type } = tensor;
    return {
      rows: leading.reduce((product, dimension, i) => product * (i === 0 && tensor.dynamic ? rows : dimension), 1),
      columns,
      get: (row, column) =>
        type === "u8"
          ? view.getUint8(offset + row * stride + column)
          : view.getFloat32(offset + (row * stride + column) * 4, true),
      set: (row, column, value) => {
        if (type === "u8") view.setUint8(offset + row * stride + column, value);
        else view.setFloat32(offset + (row * stride + column) * 4, value, true);
      },
    };
  }

  private constant(index: number): Float32Array {
    let values = this.decoded.get(index);
    if (values === undefined) {
      values = this.pack.decode(index);
      this.decoded.set(index, values);
    }
    return values;
  }

  private execute(op: OpHeader, rows: number): void {
    const at = (index: number) => this.matrix(index, rows);
    const maybe = (index: number | undefined) => (index === undefined ? undefined : at(index));
    if ((op.op === "linear" || op.op === "attention") && op.scratch !== undefined) {
      const scratch = at(op.scratch);
      for (let row = 0; row < scratch.rows; row++) {
        for (let i = 0; i < scratch.columns; i++) scratch.set(row, i, 255);
      }
    }
    const out = at(op.out);
    switch (op.op) {
      case "patchify":
        this.patchify(op, at(op.x), out);
        break;
      case "linear":
        linear(
          at(op.x),
          at(op.w),
          out,
          maybe(op.bias),
          maybe(op.gate),
          maybe(op.residual),
          activation(op.act ?? "none"),
        );
        break;
      case "layer_norm":
        norm(at(op.x), out, op.eps, true, maybe(op.gamma), maybe(op.beta));
        break;
      case "rms_norm":
        norm(at(op.x), out, op.eps, false, maybe(op.gamma), undefined);
        break;
      case "modulate": {
        const [shift, scale] = [broadcast(at(op.shift)), broadcast(at(op.scale))];
        each(at(op.x), out, (value, r, c) => value * (1 + scale(r, c)) + shift(r, c));
        break;
      }
      case "add": {
        const b = broadcast(at(op.b));
        each(at(op.a), out, (value, r, c) => value + b(r, c));
        break;
      }
      case "mul": {
        const b = broadcast(at(op.b));
        each(at(op.a), out, (value, r, c) => value * b(r, c));
        break;
      }
      case "act":
        each(at(op.x), out, activation(op.act));
        break;
      case "copy":
        each(at(op.x), out, (value) => value);
        break;
      case "attention":
        attention(op, at(op.q), at(op.k), at(op.v), out);
        break;
    }
  }

  private patchify(op: Extract<OpHeader, { op: "patchify" }>, x: Matrix, out: Matrix): void {
    const [height, width, channels] = (this.pack.header.tensors[op.x] as ActivationHeader).shape as [
      number,
      number,
      number,
    ];
    const { patch } = op;
    const across = width / patch;
    for (let row = 0; row < (height / patch) * across; row++) {
      for (let column = 0; column < channels * patch * patch; column++) {
        const channel = Math.floor(column / (patch * patch));
        const y = Math.floor(row / across) * patch + (Math.floor(column / patch) % patch);
        const px = (row % across) * patch + (column % patch);
        out.set(
          row,
          column,
          x.get(y * width + px, channel) * (op.scale[channel] as number) + (op.shift[channel] as number),
        );
      }
    }
  }
}

function broadcast(b: Matrix): (row: number, column: number) => number {
  return b.rows === 1 ? (_, column) => b.get(0, column) : (row, column) => b.get(row, column);
}

function each(x: Matrix, out: Matrix, map: (value: number, row: number, column: number) => number): void {
  for (let row = 0; row < out.rows; row++) {
    for (let column = 0; column < out.columns; column++) out.set(row, column, map(x.get(row, column), row, column));
  }
}

function linear(
  x: Matrix,
  w: Matrix,
  out: Matrix,
  bias: Matrix | undefined,
  gate: Matrix | undefined,
  residual: Matrix | undefined,
  act: (value: number) => number,
): void {
  const gateAt = gate === undefined ? undefined : broadcast(gate);
  const residualAt = residual === undefined ? undefined : broadcast(residual);
  for (let row = 0; row < out.rows; row++) {
    for (let n = 0; n < out.columns; n++) {
      let sum = 0;
      for (let k = 0; k < x.columns; k++) sum += x.get(row, k) * w.get(n, k);
      const value = act(sum + (bias?.get(0, n) ?? 0)) * (gateAt?.(row, n) ?? 1);
      out.set(row, n, value + (residualAt?.(row, n) ?? 0));
    }
  }
}

function norm(
  x: Matrix,
  out: Matrix,
  eps: number,
  centred: boolean,
  gamma: Matrix | undefined,
  beta: Matrix | undefined,
): void {
  const count = x.columns;
  for (let row = 0; row < out.rows; row++) {
    const values = Array.from({ length: count }, (_, column) => x.get(row, column));
    const mean = centred ? values.reduce((sum, value) => sum + value, 0) / count : 0;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
    const factor = 1 / Math.sqrt(variance + eps);
    values.forEach((value, column) => {
      out.set(row, column, (value - mean) * factor * (gamma?.get(0, column) ?? 1) + (beta?.get(0, column) ?? 0));
    });
  }
}

function attention(op: Extract<OpHeader, { op: "attention" }>, q: Matrix, k: Matrix, v: Matrix, out: Matrix): void {
  const dim = q.columns / op.heads;
  for (let head = 0; head < op.heads; head++) {
    const kvHead = Math.floor((head * op.kv_heads) / op.heads);
    for (let row = 0; row < q.rows; row++) {
      const keys = op.causal ? row + 1 : k.rows;
      const scores = Array.from({ length: keys }, (_, t) => {
        let sum = 0;
        for (let d = 0; d < dim; d++) sum += q.get(row, head * dim + d) * k.get(t, kvHead * dim + d);
        return sum * op.scale;
      });
      const max = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - max));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (let d = 0; d < dim; d++) {
        let sum = 0;
        for (let t = 0; t < keys; t++) sum += (weights[t] as number) * v.get(t, kvHead * dim + d);
        out.set(row, head * dim + d, sum / total);
      }
    }
  }
}

/** The activation functions of the format, in double precision. */
export function activation(name: string): (value: number) => number {
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  switch (name) {
    case "gelu":
      return (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));
    case "gelu_tanh":
      return (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
    case "quick_gelu":
      return (x) => x * sigmoid(1.702 * x);
    case "silu":
      return (x) => x * sigmoid(x);
    case "relu":
      return (x) => Math.max(0, x);
    case "relu2":
      return (x) => Math.max(0, x) ** 2;
    case "sigmoid":
      return sigmoid;
    case "tanh":
      return Math.tanh;
    default:
      return (x) => x;
  }
}

/**
 * The error function to about 1e-15: its series near 0, a continued fraction of erfc beyond (Abramowitz and
 * Stegun 7.1.6, 7.1.14).
 */
export function erf(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 80 && Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return ((2 * sum) / Math.sqrt(Math.PI)) * Math.exp(-x * x);
  }
  if (magnitude > 6) return Math.sign(x);
  let fraction = magnitude;
  for (let n = 60; n > 0; n--) fraction = magnitude + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction));
}
