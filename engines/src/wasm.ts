import type { Engine } from "./engine.js";
import { EngineError } from "./errors.js";
import { type Guest, type Manifest, parseManifest } from "./guest.js";
import { GuestEngine } from "./guestEngine.js";

/** The part of the WebAssembly JavaScript interface that is used; browsers and Node have it alike. */
interface WasmInstance {
  readonly exports: Record<string, unknown>;
}
interface WasmApi {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ readonly instance: WasmInstance }>;
}

type WasmFunction = (...args: number[]) => number;

/**
 * Opens the runtime's WebAssembly module, in a browser or in Node; this file and what it imports use nothing but the
 * language and `WebAssembly`. `bytes` are those of `synapse.wasm` or, for machines without SIMD,
 * `synapse-baseline.wasm`.
 */
export async function createWasmEngine(bytes: Uint8Array, name: "wasm" | "wasm-baseline" = "wasm"): Promise<Engine> {
  const { WebAssembly: wasm, performance: clock } = globalThis as unknown as {
    WebAssembly: WasmApi;
    performance: { now(): number };
  };
  const imports = { env: { syn_clock_ns: () => clock.now() * 1e6 } };
  let instance: WasmInstance;
  try {
    instance = (await wasm.instantiate(bytes, imports)).instance;
  } catch (cause) {
    throw new EngineError("BUILD", `the ${name} module cannot be instantiated: ${(cause as Error).message}`);
  }
  return GuestEngine.create(name, new WasmGuest(instance));
}

class WasmGuest implements Guest {
  readonly manifest: Manifest;
  readonly ticks: number;
  #functions: Record<string, WasmFunction>;
  #memory: { readonly buffer: ArrayBuffer };
  /** Why no call can be made any more. */
  #ended: EngineError | undefined;

  constructor(instance: WasmInstance) {
    this.#functions = instance.exports as Record<string, WasmFunction>;
    this.#memory = instance.exports.memory as { readonly buffer: ArrayBuffer };
    this.manifest = parseManifest(this.read(this.call("syn_wasm_manifest_ptr"), this.call("syn_wasm_manifest_len")));
    this.ticks = this.call("syn_wasm_ticks");
  }

  call(name: string, ...args: readonly number[]): number {
    if (this.#ended) throw this.#ended;
    const target = this.#functions[name];
    if (target === undefined) throw new EngineError("BUILD", `the WASM module exports no ${name}: rebuild it`);
    try {
      return target(...args) >>> 0;
    } catch (cause) {
      // After a trap the module's memory may be half-written, so nothing is run on it again.
      this.#ended = new EngineError("TRAP", `the WASM module trapped in ${name}: ${(cause as Error).message}`);
      throw this.#ended;
    }
  }

  alloc(bytes: number): number {
    return this.call("syn_wasm_alloc", bytes, 64);
  }

  free(address: number, bytes: number): void {
    if (!this.#ended) this.call("syn_wasm_free", address, bytes);
  }

  // Views are made anew each time: growing the memory detaches its old buffer.
  read(address: number, bytes: number): Uint8Array {
    const { buffer } = this.#memory;
    return new Uint8Array(buffer, address, Math.max(0, Math.min(bytes, buffer.byteLength - address))).slice();
  }

  write(address: number, data: Uint8Array): void {
    new Uint8Array(this.#memory.buffer, address, data.length).set(data);
  }

  close(): void {
    this.#ended ??= new EngineError("ARGUMENT", "the engine is closed");
    this.#functions = {};
    this.#memory = { buffer: new ArrayBuffer(0) };
  }
}
