import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EngineError } from "./errors.js";

/** Of this package: the folder above `src` and `dist`. */
const PACKAGE = new URL("../", import.meta.url);

/**
 * The path of a build: in `builds/` of a published package, else in the folder that `zig build` writes to, beside this
 * project's packages. `folder` is the package's, this one when absent. Throws an EngineError with code `BUILD_MISSING`
 * when it is in neither.
 */
export function buildFile(name: string, folder: URL = PACKAGE): string {
  const paths = [new URL(`builds/${name}`, folder), new URL(`../zig-out/${name}`, folder)].map((url) =>
    fileURLToPath(url),
  );
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined)
    throw new EngineError("BUILD_MISSING", `${paths[1]} does not exist; \`npm run build\` makes it`);
  return path;
}
