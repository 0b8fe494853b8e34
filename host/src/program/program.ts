import type { StorageTypeName } from "../compress/types/storageType.js";

export const activationFunctions = ["none", "gelu", "gelu_tanh", "quick_gelu", "silu", "relu", "relu2", "sigmoid", "tanh"] as const;
export type ActivationFunction = (typeof activationFunctions)[number];
export type PortKind = "image" | "tokens" | "latent" | "action" | "tensor";

/** Bytes of the file: a linear layer's weight in panels, or plain f32. Values are read from the checkpoint only when they are packed. */
export interface Constant {
  readonly kind: "constant";
  readonly name: string;
  readonly type: StorageTypeName;
  readonly shape: readonly number[];
  readonly layout: "panels" | "plain";
  /** The checkpoint tensors it is made of. */
  readonly sources: readonly string[];
  /** Why the type is not the default that was asked for. */
  readonly fallback?: string;
  load(): Promise<Float32Array>;
  /** The GGUF row blocks, where the checkpoint holds the very same type. */
  loadBlocks?(): Promise<Uint8Array | undefined>;
}

/** A piece of memory that one or several activations look at. The planner gives it a place. */
export interface Storage {
  readonly name: string;
  readonly bytes: number;
  readonly role: "activation" | "scratch";
}

/** A view of a storage: rows and columns in elements. */
export interface Activation {
  readonly kind: "activation";
  readonly name: string;
  readonly type: "f32" | "u8" | "i32";
  readonly shape: readonly number[];
  readonly dynamic: boolean;
  readonly storage: Storage;
  /** Bytes from the start of the storage. */
  readonly byteOffset: number;
  /** Elements from one row to the next, where it is not the number of columns. */
  readonly stride?: number;
}

export type Tensor = Constant | Activation;

export interface PatchifyOp {
  readonly op: "patchify";
  readonly x: Activation;
  readonly out: Activation;
  readonly patch: number;
  readonly scale: readonly number[];
  readonly shift: readonly number[];
}
export interface LinearOp {
  readonly op: "linear";
  readonly x: Activation;
  readonly w: Constant;
  readonly out: Activation;
  readonly bias?: Constant;
  readonly act?: ActivationFunction;
  readonly gate?: Tensor;
  readonly residual?: Tensor;
  readonly scratch?: Activation;
}
export interface NormOp {
  readonly op: "layer_norm" | "rms_norm";
  readonly x: Activation;
  readonly out: Activation;
  readonly eps: number;
  readonly gamma?: Constant;
  readonly beta?: Constant;
}
export interface ModulateOp {
  readonly op: "modulate";
  readonly x: Activation;
  readonly shift: Tensor;
  readonly scale: Tensor;
  readonly out: Activation;
}
export interface BinaryOp {
  readonly op: "add" | "mul";
  readonly a: Activation;
  readonly b: Tensor;
  readonly out: Activation;
}
export interface ActOp {
  readonly op: "act";
  readonly x: Activation;
  readonly out: Activation;
  readonly act: ActivationFunction;
}
export interface CopyOp {
  readonly op: "copy";
  readonly x: Tensor;
  readonly out: Activation;
}
export interface AttentionOp {
  readonly op: "attention";
  readonly q: Activation;
  readonly k: Activation;
  readonly v: Activation;
  readonly out: Activation;
  readonly heads: number;
  readonly kv_heads: number;
  readonly scale: number;
  readonly causal: boolean;
  readonly compute: "f32" | "i8";
  readonly scratch?: Activation;
}
export type Op = PatchifyOp | LinearOp | NormOp | ModulateOp | BinaryOp | ActOp | CopyOp | AttentionOp;

/** The keys of ops that name tensors. */
export const operandKeys = [
  "x",
  "a",
  "q",
  "k",
  "v",
  "w",
  "b",
  "bias",
  "gamma",
  "beta",
  "shift",
  "scale",
  "gate",
  "residual",
  "out",
  "scratch",
] as const;
export type OperandKey = (typeof operandKeys)[number];

export interface Operand {
  readonly key: OperandKey;
  readonly tensor: Tensor;
  readonly access: "read" | "write" | "scratch";
}

/** All tensors an op names. */
export function operands(op: Op): Operand[] {
  const found: Operand[] = [];
  const fields = op as unknown as Record<string, unknown>;
  for (const key of operandKeys) {
    const value = fields[key];
    if (typeof value !== "object" || value === null || !("kind" in value)) continue;
    found.push({ key, tensor: value as Tensor, access: key === "out" ? "write" : key === "scratch" ? "scratch" : "read" });
  }
  return found;
}

/** The operand whose bytes `out` may take over (docs/format.md, "in place"). */
export function inPlaceKey(op: Op): OperandKey | undefined {
  switch (op.op) {
    case "linear":
      return "residual";
    case "layer_norm":
    case "rms_norm":
    case "modulate":
    case "act":
      return "x";
    case "add":
    case "mul":
      return "a";
    default:
      return undefined;
  }
}

export interface Port {
  readonly name: string;
  readonly kind: PortKind;
  readonly tensor: Activation;
}

export interface Entry {
  readonly name: string;
  readonly rowsMax: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly ops: readonly Op[];
}

export interface Program {
  readonly name: string;
  readonly numeric: "exact" | "reference";
  readonly entries: readonly Entry[];
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** Every constant of a program once, in the order of first use. */
export function constantsOf(program: Program): Constant[] {
  const found = new Set<Constant>();
  for (const entry of program.entries) {
    for (const op of entry.ops) {
      for (const { tensor } of operands(op)) if (tensor.kind === "constant") found.add(tensor);
    }
  }
  return [...found];
}
