import { type ConstantHeader, isConstant, type PackHeader } from "./header.js";
import { weightTraits } from "./types.js";

/** Whether the constant is a weight whose rows are filled up to whole blocks of its type. */
function isPadded({ type, shape }: ConstantHeader): boolean {
  return shape.length === 2 && (shape[1] as number) % weightTraits(type).k_multiple !== 0;
}

/**
 * The smallest minor version that has what a header uses (docs/format.md, "Versions"): files that use nothing new stay
 * readable by runtimes that know no more.
 */
export function minorVersion({ tensors }: PackHeader): number {
  return tensors
    .filter(isConstant)
    .reduce((minor, tensor) => Math.max(minor, weightTraits(tensor.type).version_minor, isPadded(tensor) ? 1 : 0), 0);
}
