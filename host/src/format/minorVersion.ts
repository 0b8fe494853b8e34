import { type ConstantHeader, isConstant, type OpHeader, type PackHeader } from "./header.js";
import { weightTraits } from "./types.js";

/** Whether the constant is a weight whose rows are filled up to whole blocks of its type. */
function isPadded({ type, shape }: ConstantHeader): boolean {
  return shape.length === 2 && (shape[1] as number) % weightTraits(type).k_multiple !== 0;
}

/** What an op has that came with version 1.1: a key, or a value of one. */
export function newInOp(op: OpHeader): "fine_rows" | "compute" | undefined {
  if (op.op === "linear") return op.fine_rows === undefined ? undefined : "fine_rows";
  return op.op === "attention" && op.compute === "i8_diffused" ? "compute" : undefined;
}

/**
 * The smallest minor version that has what a header uses (docs/format.md, "Versions"): files that use nothing new stay
 * readable by runtimes that know no more.
 */
export function minorVersion({ tensors, entries }: PackHeader): number {
  const isNewOp = entries.some(({ ops }) => ops.some((op) => newInOp(op) !== undefined));
  return tensors
    .filter(isConstant)
    .reduce(
      (minor, tensor) => Math.max(minor, weightTraits(tensor.type).version_minor, isPadded(tensor) ? 1 : 0),
      isNewOp ? 1 : 0,
    );
}
