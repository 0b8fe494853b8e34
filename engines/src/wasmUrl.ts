import type { EngineName } from "./engine.js";
import { EngineError } from "./errors.js";

/**
 * A function with one instruction of SIMD: `v128.const` and a drop.
 * A browser that knows the instruction calls the module valid.
 */
const SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 23, 1, 21, 0, 253, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 26, 11,
]);

/** The build that this machine's WebAssembly can run: with SIMD, which all browsers have since 2023, or without. */
export function bestWasm(): "wasm" | "wasm-baseline" {
  const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: { validate(bytes: Uint8Array): boolean } };
  return wasm.validate(SIMD_MODULE) ? "wasm" : "wasm-baseline";
}

/** The file of a WASM build, as it is named in `builds/`. */
export function wasmFile(name: Extract<EngineName, `wasm${string}`>): string {
  return name === "wasm" ? "synapse.wasm" : "synapse-baseline.wasm";
}

/** What every WASM module begins with. */
const MAGIC = "\0asm";
/** Of what came instead of a module, in a message. */
const SHOWN = 40;

/**
 * Fetches a build. Rejects with an EngineError that names the address: `BUILD_MISSING` where nothing is there, `BUILD`
 * where something else is, such as the page that many servers answer for what they do not have.
 */
export async function fetchWasm(url: string | URL): Promise<Uint8Array> {
  let response: Response;
  let bytes: Uint8Array;
  try {
    response = await fetch(url);
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new EngineError("BUILD_MISSING", `${url} cannot be fetched: ${(cause as Error).message}`);
  }
  if (!response.ok)
    throw new EngineError("BUILD_MISSING", `${url} answers ${response.status}; expected the WASM build`);
  const text = new TextDecoder().decode(bytes.subarray(0, SHOWN));
  if (text.startsWith(MAGIC)) return bytes;
  const type = response.headers.get("content-type") ?? "no content type";
  const began = `${bytes.length} bytes of ${type}, which begin with ${JSON.stringify(text)}`;
  throw new EngineError("BUILD", `${url} answers ${began}; expected the WASM build`);
}
