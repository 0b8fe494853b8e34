export { buildFile } from "./builds.js";
export * from "./engine.js";
export * from "./errors.js";
export { decodeImage } from "./image/decodeImage.js";
export { allocateAligned, openNativeEngine } from "./native.js";
export { openRv32Engine, type Rv32Options } from "./rv32.js";
export { createWasmEngine } from "./wasm.js";
export { openWasmEngine } from "./wasmNode.js";
