import { readFile } from "node:fs/promises";
import { buildFile } from "./builds.js";
import type { Engine } from "./engine.js";
import { createWasmEngine } from "./wasm.js";
import { fetchWasm, wasmFile } from "./wasmUrl.js";

/**
 * Opens a WASM build in Node: `wasm` uses SIMD, `wasm-baseline` does without. It is this package's own,
 * unless `url` is given.
 */
export async function openWasmEngine(name: "wasm" | "wasm-baseline" = "wasm", url?: string | URL): Promise<Engine> {
  return createWasmEngine(url === undefined ? await readFile(buildFile(wasmFile(name))) : await fetchWasm(url), name);
}
