import { createRequire } from "node:module";
import { buildFile } from "synapse-engine";

/** Of this package: the folder above `src` and `dist`. */
const PACKAGE = new URL("../../", import.meta.url);

/** The simulated board as a WASM module. Throws an EngineError `BUILD_MISSING` when it was not built. */
export function boardModule(): string {
  return buildFile("synapse-board.wasm", PACKAGE);
}

/** The serial console of a simulated chip as a WASM module. Throws as above. */
export function cableModule(): string {
  return buildFile("synapse-cable.wasm", PACKAGE);
}

/** The simulated board as a Node addon, which only a checkout of this project has. Throws as above. */
export function boardAddon(): unknown {
  return createRequire(import.meta.url)(buildFile("synapse-board.node", PACKAGE));
}

/** The addon where there is one; it uses threads, and is faster. */
export function defaultBoardEngine(): "native" | "wasm" {
  try {
    buildFile("synapse-board.node", PACKAGE);
    return "native";
  } catch {
    return "wasm";
  }
}
