import { type OpName, type OpWith, operandKeys, type PortKind } from "../format/ops.js";
import type { ActivationTypeName, ScaleType, StorageTypeName } from "../format/types.js";

/**
 * Bytes of the file: a linear layer's weight in panels, or numbers in rows. Values are read from the checkpoint only
 * when they are packed.
 */
export interface Constant {
  readonly kind: "constant";
  readonly name: string;
  readonly type: StorageTypeName;
  readonly shape: readonly number[];
  readonly layout: "panels" | "plain";
  /** How the scales of rows are stored where that is not f32. */
  readonly scales?: ScaleType;
  /** The checkpoint tensors it is made of. */
  readonly sources: readonly string[];
  /** Why the type is not the default that was asked for. */
  readonly fallback?: string;
  load(): Promise<Float32Array>;
  /** The bytes of its type, where something else than the type's own rounding chose them. */
  stored?(): Promise<Uint8Array>;
  /** The GGUF row blocks, where the checkpoint holds the very same type. */
  loadBlocks?(): Promise<Uint8Array | undefined>;
}

/** A piece of memory that one or several activations look at. The planner gives it a place. */
export interface Allocation {
  readonly name: string;
  readonly bytes: number;
  readonly role: "activation" | "scratch";
}

/** A view of an allocation: rows and columns in elements. */
export interface Activation {
  readonly kind: "activation";
  readonly name: string;
  readonly type: ActivationTypeName;
  readonly shape: readonly number[];
  readonly dynamic: boolean;
  readonly allocation: Allocation;
  /** Bytes from the start of the allocation. */
  readonly byteOffset: number;
  /** Elements from one row to the next, where it is not the number of columns. */
  readonly stride?: number;
}

export type Tensor = Constant | Activation;

/** What stands under the keys of an op of a program, by what the key means. */
interface Operands {
  readonly activation: Activation;
  readonly operand: Tensor;
  readonly weight: Constant;
  readonly vector: Constant;
  readonly out: Activation;
  readonly scratch: Activation;
  readonly count: number;
  readonly number: number;
  readonly numbers: readonly number[];
  readonly flag: boolean;
}

/** Every op of the format with tensors for operands. */
export type Op = OpWith<OpName, Operands>;
export type OpOf<Name extends OpName> = Extract<Op, { op: Name }>;

export interface Operand {
  readonly key: string;
  readonly tensor: Tensor;
  readonly access: "read" | "write" | "scratch";
}

/** All tensors an op names, those that it reads first. */
export function operands(op: Op): Operand[] {
  const fields = op as unknown as Readonly<Record<string, Tensor | undefined>>;
  return operandKeys(op.op).flatMap(([key, use]): Operand[] => {
    const tensor = fields[key];
    if (tensor === undefined) return [];
    return [{ key, tensor, access: use === "out" ? "write" : use === "scratch" ? "scratch" : "read" }];
  });
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
