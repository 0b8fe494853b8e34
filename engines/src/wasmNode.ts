import { readFile } from "node:fs/promises";
import { buildFile } from "./builds.js";
import type { Engine } from "./engine.js";
import { createWasmEngine } from "./wasm.js";

/** Opens a WASM build in Node: `wasm` uses SIMD, `wasm-baseline` does without. */
export async function openWasmEngine(name: "wasm" | "wasm-baseline" = "wasm"): Promise<Engine> {
  return createWasmEngine(await readFile(buildFile(name === "wasm" ? "synapse.wasm" : "synapse-baseline.wasm")), name);
}
