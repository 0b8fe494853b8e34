import type { Engine } from "./engine.js";
import { EngineError } from "./errors.js";
import { openNativeEngine } from "./native.js";
import { openWasmEngine } from "./wasmNode.js";

/**
 * Opens the fastest engine that this machine has: the addon, or WebAssembly where there is none.
 * `openNativeEngine` says why.
 */
export async function openFastestEngine(): Promise<Engine> {
  try {
    return await openNativeEngine();
  } catch (error) {
    if (error instanceof EngineError && error.code === "ADDON_MISSING") return openWasmEngine();
    throw error;
  }
}
