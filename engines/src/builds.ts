import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EngineError } from "./errors.js";

/** The folder `zig build` writes to. This file sits two levels below the root, as source (`engines/src`) and compiled (`engines/dist`). */
const BUILDS = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "zig-out");

/** The path of a file that `zig build` makes; throws an EngineError with code `BUILD_MISSING` when it has not been made. */
export function buildFile(name: string): string {
  const path = join(BUILDS, name);
  if (!existsSync(path)) throw new EngineError("BUILD_MISSING", `${path} does not exist; \`npm run build\` makes it`);
  return path;
}
