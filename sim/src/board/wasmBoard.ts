import type { BoardOptions } from "./boardOptions.js";
import { VirtualBoard } from "./virtualBoard.js";
import { createWasmCore } from "./wasmCore.js";

/**
 * A board wherever WebAssembly runs, a browser included, that is asked for what needs no picture. `core` is
 * `synapse-board.wasm`. Rejects with an InputError as `SimulatedBoard.create` does.
 */
export function startWasmBoard(options: BoardOptions, core: Uint8Array): Promise<VirtualBoard> {
  return VirtualBoard.start(options, "wasm", {
    createCore: (coreOptions, port, clock) => createWasmCore(core, coreOptions, port, clock),
    decodeImage: () => Promise.reject(new Error("this board decodes no pictures")),
  });
}
