import { type ConstantHeader, isConstant, type OpHeader, type PackHeader } from "./header.js";
import { weightTraits } from "./types.js";

/** What a constant has that came after version 1.0, and with which minor version. Nothing: 0. */
export function constantVersion({ type, shape, scales }: ConstantHeader, panels: boolean): number {
  const { version_minor, k_multiple } = weightTraits(type);
  if (scales !== undefined) return 1;
  if (!panels) return type === "f32" ? 0 : 1;
  // Rows that are filled up to whole blocks.
  return (shape[1] as number) % k_multiple === 0 ? version_minor : 1;
}

/** What an op has that came with version 1.1: a key, or a value of one. */
export function newInOp(op: OpHeader): "fine_rows" | "compute" | undefined {
  if (op.op === "linear") return op.fine_rows === undefined ? undefined : "fine_rows";
  return op.op === "attention" && op.compute === "i8_diffused" ? "compute" : undefined;
}

/**
 * The smallest minor version that has what a header uses (docs/format.md, "Prefix"): files that use nothing new stay
 * readable by runtimes that know no more.
 */
export function minorVersion({ tensors, entries }: PackHeader): number {
  const weights = new Set(entries.flatMap(({ ops }) => ops.flatMap((op) => (op.op === "linear" ? [op.w] : []))));
  const isNewOp = entries.some(({ ops }) => ops.some((op) => newInOp(op) !== undefined));
  return tensors.reduce(
    (minor, tensor, i) => (isConstant(tensor) ? Math.max(minor, constantVersion(tensor, weights.has(i))) : minor),
    isNewOp ? 1 : 0,
  );
}
