export * from "./engine/engine.js";
export * from "./errors.js";
