/** The engine in a browser: WebAssembly alone. Nothing here, nor what it imports, needs Node. */
import type { Engine } from "./engine.js";
import { createWasmEngine } from "./wasm.js";
import { bestWasm, fetchWasm, wasmFile } from "./wasmUrl.js";

export * from "./engine.js";
export * from "./errors.js";
export { TriangleResizer } from "./image/resizeTriangle.js";
export { createWasmEngine } from "./wasm.js";

/**
 * Fetches the WASM build and opens it: with SIMD where the browser has it. `url` says where the build lies when a
 * bundler moved this module away from its package's `builds/`. Rejects with an EngineError `BUILD_MISSING` when nothing
 * is there, `BUILD` when it is no such module.
 */
export async function openWasmEngine(name: "wasm" | "wasm-baseline" = bestWasm(), url?: string | URL): Promise<Engine> {
  return createWasmEngine(await fetchWasm(url ?? new URL(`../builds/${wasmFile(name)}`, import.meta.url)), name);
}
