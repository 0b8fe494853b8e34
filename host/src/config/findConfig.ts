import { InputError } from "synapse-engine/errors";
import { Shipped } from "../files/shipped.js";

const CONFIGS = new Shipped("configs");

/**
 * The path of a model's configuration: that of a file, or of the one of `configs/` that has this name. Throws
 * `CONFIG_UNKNOWN`, which lists the names, for a name that is neither.
 */
export function findConfig(pathOrName: string): string {
  const path = CONFIGS.find(pathOrName);
  if (path !== undefined) return path;
  throw new InputError({
    code: "CONFIG_UNKNOWN",
    source: pathOrName,
    message: "no such configuration",
    expected: `a configuration's file, or one of ${CONFIGS.names().join(", ")}`,
  });
}
