import type { SlimStorage } from "../compress/plain.js";
import { chooseType, type LayerInputs, type TypePolicy } from "../compress/policy.js";
import { storageTypes } from "../compress/types/index.js";
import { limits } from "../format/limits.js";
import type { ActivationFunction, AttentionCompute } from "../format/ops.js";
import { activationBytes, type ScaleType, type StorageTypeName, weightTraits } from "../format/types.js";
import {
  type Activation,
  type Allocation,
  type Constant,
  elements,
  type Op,
  type OpOf,
  type Tensor,
} from "../program/program.js";
import { attentionScratchBytes, linearScratchBytes } from "../program/scratch.js";
import type { Activations } from "./activations.js";

export interface WeightSpec {
  readonly name: string;
  readonly n: number;
  readonly k: number;
  readonly sources: readonly string[];
  readonly inputs?: LayerInputs;
  load(): Promise<Float32Array>;
  loadBlocks?(type: StorageTypeName): Promise<Uint8Array | undefined>;
}

export interface LinearOptions {
  readonly bias?: Constant | undefined;
  readonly act?: ActivationFunction;
  readonly gate?: Tensor | undefined;
  readonly residual?: Tensor | undefined;
  readonly out?: Activation;
  /** The first of many rows counts most: it is the class token. */
  readonly firstRowFine?: boolean;
}

/** What decides how weights are stored and attention computes; one for all entries of a model. */
export interface LoweringContext {
  readonly policy: TypePolicy;
  readonly slim: SlimStorage;
  readonly attentionCompute: AttentionCompute | undefined;
  readonly activations: Activations;
  /** Linear weights by name, so that entries that share a part share its weights. */
  readonly weights: Map<string, Constant>;
  readonly vectors: Map<string, Constant>;
}

/** Collects the ops of one entry. Every op writes a new allocation; the planner decides what shares memory. */
export class EntryBuilder {
  readonly ops: Op[] = [];
  readonly context: LoweringContext;
  private readonly names = new Map<string, number>();

  constructor(context: LoweringContext) {
    this.context = context;
  }

  /** A dense f32 activation `[rows, columns]` with its own allocation. */
  activation(name: string, rows: number, columns: number, dynamic: boolean): Activation {
    return this.tensor(name, "f32", [rows, columns], dynamic);
  }

  tensor(name: string, type: "f32" | "u8", shape: readonly number[], dynamic: boolean): Activation {
    const unique = this.unique(name);
    const allocation: Allocation = { name: unique, bytes: elements(shape) * activationBytes(type), role: "activation" };
    return { kind: "activation", name: unique, type, shape, dynamic, allocation, byteOffset: 0 };
  }

  /** Rows `start..start+count` of a two-dimensional activation. */
  rows(x: Activation, start: number, count: number): Activation {
    const [rows, columns] = x.shape as [number, number];
    if (start === 0 && count === rows) return x;
    return {
      ...x,
      name: `${x.name}[${start}:${start + count}]`,
      shape: [count, columns],
      byteOffset: x.byteOffset + start * (x.stride ?? columns) * 4,
    };
  }

  /** Columns `start..start+count` of a two-dimensional activation. */
  columns(x: Activation, start: number, count: number): Activation {
    const [rows, columns] = x.shape as [number, number];
    if (start === 0 && count === columns) return x;
    return {
      ...x,
      name: `${x.name}[:,${start}:${start + count}]`,
      shape: [rows, count],
      byteOffset: x.byteOffset + start * 4,
      stride: x.stride ?? columns,
    };
  }

  /** A constant in rows; the same name gives the same constant. */
  vector(
    name: string,
    shape: readonly number[],
    sources: readonly string[],
    load: () => Promise<Float32Array>,
  ): Constant {
    const known = this.context.vectors.get(name);
    if (known !== undefined) return known;
    const { vectors, tables } = this.context.slim;
    const type = shape.length === 2 && (shape[0] as number) > 1 ? tables : vectors;
    const constant: Constant = {
      kind: "constant",
      name: clip(name),
      type,
      shape,
      layout: "plain",
      ...this.scalesOf(type),
      sources,
      load,
    };
    this.context.vectors.set(name, constant);
    return constant;
  }

  /** A linear layer's weight `[n, k]` in the type that the policy gives it. */
  weight(spec: WeightSpec): Constant {
    const known = this.context.weights.get(spec.name);
    if (known !== undefined) return known;
    const choice = chooseType(this.context.policy, [spec.name, ...spec.sources], spec.k, spec.inputs);
    const { loadBlocks } = spec;
    const constant: Constant = {
      kind: "constant",
      name: clip(spec.name),
      type: choice.type,
      shape: [spec.n, spec.k],
      layout: "panels",
      ...this.scalesOf(choice.type),
      sources: spec.sources,
      load: () => spec.load(),
      ...(loadBlocks === undefined ? {} : { loadBlocks: () => loadBlocks(choice.type) }),
      ...(choice.fallback === undefined ? {} : { fallback: choice.fallback }),
    };
    this.context.weights.set(spec.name, constant);
    return constant;
  }

  linear(name: string, x: Activation, w: Constant, options: LinearOptions = {}): Activation {
    const [m, k] = x.shape as [number, number];
    const n = w.shape[0] as number;
    const out = options.out ?? this.activation(name, m, n, x.dynamic);
    const fineRows = this.fineRows(x, w, options.firstRowFine ?? false);
    const scratch = this.scratch(name, linearScratchBytes(w.type, m, k, fineRows));
    this.ops.push({
      op: "linear",
      x,
      w,
      out,
      ...(options.bias === undefined ? {} : { bias: options.bias }),
      ...(options.act === undefined || options.act === "none" ? {} : { act: options.act }),
      ...(options.gate === undefined ? {} : { gate: options.gate }),
      ...(options.residual === undefined ? {} : { residual: options.residual }),
      ...(scratch === undefined ? {} : { scratch }),
      ...(fineRows === 0 ? {} : { fine_rows: fineRows }),
    });
    return out;
  }

  private fineRows(x: Activation, w: Constant, firstRowFine: boolean): number {
    if (this.context.activations === "int8" || !storageTypes[w.type].integer) return 0;
    return firstRowFine || (x.shape[0] === 1 && !x.dynamic) ? 1 : 0;
  }

  norm(
    name: string,
    op: "layer_norm" | "rms_norm",
    x: Activation,
    eps: number,
    gamma?: Constant,
    beta?: Constant,
  ): Activation {
    const out = this.like(name, x);
    this.ops.push({
      op,
      x,
      out,
      eps,
      ...(gamma === undefined ? {} : { gamma }),
      ...(beta === undefined ? {} : { beta }),
    });
    return out;
  }

  modulate(name: string, x: Activation, shift: Tensor, scale: Tensor): Activation {
    const out = this.like(name, x);
    this.ops.push({ op: "modulate", x, shift, scale, out });
    return out;
  }

  binary(name: string, op: "add" | "mul", a: Activation, b: Tensor): Activation {
    const out = this.like(name, a);
    this.ops.push({ op, a, b, out });
    return out;
  }

  act(name: string, x: Activation, act: ActivationFunction): Activation {
    const out = this.like(name, x);
    this.ops.push({ op: "act", x, out, act });
    return out;
  }

  copy(x: Tensor, out: Activation): void {
    this.ops.push({ op: "copy", x, out });
  }

  patchify(name: string, x: Activation, patch: number, scale: readonly number[], shift: readonly number[]): Activation {
    const [height, width, channels] = x.shape as [number, number, number];
    const out = this.activation(name, (height / patch) * (width / patch), channels * patch * patch, false);
    this.ops.push({ op: "patchify", x, out, patch, scale, shift });
    return out;
  }

  /**
   * `weightType` is the storage type of the layer's own projections: attention computes in int8 where they do, unless
   * the caller said otherwise.
   */
  attention(
    name: string,
    operands: Pick<OpOf<"attention">, "q" | "k" | "v" | "heads" | "kv_heads" | "scale" | "causal">,
    weightType: StorageTypeName,
  ): Activation {
    const { q, k, heads, kv_heads } = operands;
    const [m, columns] = q.shape as [number, number];
    const compute = this.context.attentionCompute ?? (storageTypes[weightType].integer ? "i8" : "f32");
    const out = this.activation(name, m, columns, q.dynamic);
    const dim = columns / heads;
    const scratch = this.scratch(name, attentionScratchBytes(compute, m, k.shape[0] as number, heads, kv_heads, dim));
    this.ops.push({ op: "attention", ...operands, out, compute, ...(scratch === undefined ? {} : { scratch }) });
    return out;
  }

  /** The key that says how scales of rows are stored, where there are any and they are not f32. */
  private scalesOf(type: StorageTypeName): { readonly scales?: ScaleType } {
    const { scales } = this.context.slim;
    return scales === "f32" || !weightTraits(type).row_scales ? {} : { scales };
  }

  private like(name: string, x: Activation): Activation {
    const [rows, columns] = x.shape as [number, number];
    return this.activation(name, rows, columns, x.dynamic);
  }

  private scratch(name: string, bytes: number): Activation | undefined {
    if (bytes === 0) return undefined;
    const allocation: Allocation = { name: `${name} scratch`, bytes, role: "scratch" };
    // Scratch is whole cache lines, so that a large one fits the largest dimension as rows of them.
    const shape = bytes > limits.dimension_max ? [bytes / 64, 64] : [bytes];
    return { kind: "activation", name: "scratch", type: "u8", shape, dynamic: false, allocation, byteOffset: 0 };
  }

  private unique(name: string): string {
    const count = this.names.get(name) ?? 0;
    this.names.set(name, count + 1);
    return clip(count === 0 ? name : `${name}#${count}`);
  }
}

/** Tensor names in the file have at most 127 bytes; the end of a long one says more than its start. */
function clip(name: string): string {
  return Buffer.byteLength(name) <= 100 ? name : `...${name.replace(/[^\x20-\x7e]/g, "?").slice(-97)}`;
}
