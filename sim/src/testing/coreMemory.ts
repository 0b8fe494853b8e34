import { readFileSync } from "node:fs";
import { boardModule } from "../board/boardBuilds.js";
import type { Board } from "../board/boardSchema.js";

export interface CoreMemory {
  readonly board: string;
  readonly fast_bytes: number;
  readonly fast_of_bytes: number;
  /** Room for the bodies of requests, which is most of it, among them. */
  readonly slow_bytes: number;
  readonly slow_of_bytes: number;
  readonly bodies_bytes: number;
}

/** The part of the WebAssembly JavaScript interface that is used. */
interface WasmApi {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ readonly instance: { readonly exports: unknown } }>;
}
const { WebAssembly: wasm } = globalThis as unknown as { readonly WebAssembly: WasmApi };

interface Exports {
  core_fast_bytes(threads: number, bodyBytesMax: number, exchangeCount: number): number;
  core_slow_bytes(threads: number, bodyBytesMax: number, exchangeCount: number): number;
}

/**
 * What the device core takes of a board's memory at its start, for good and without any model,
 * with pointers as wide as on the chip.
 */
export async function coreMemory(board: Board): Promise<CoreMemory> {
  const nothing = new Proxy({}, { get: () => () => 0 });
  const { instance } = await wasm.instantiate(readFileSync(boardModule()), { port: nothing });
  const { core_fast_bytes, core_slow_bytes } = instance.exports as Exports;
  const { countMax, bodyBytesMax } = board.requests;
  return {
    board: board.id,
    fast_bytes: core_fast_bytes(board.cpu.cores, bodyBytesMax, countMax),
    fast_of_bytes: board.sram.freeBytes,
    slow_bytes: core_slow_bytes(board.cpu.cores, bodyBytesMax, countMax),
    slow_of_bytes: board.psram.bytes - board.psram.reservedBytes,
    bodies_bytes: bodyBytesMax * countMax,
  };
}
