import { readFile } from "node:fs/promises";
import { buildFile } from "synapse-engine";

/** Of this package: the folder above `src` and `dist`. */
const PACKAGE = new URL("../../../", import.meta.url);
const PAGE_BYTES = 65_536;

/** A compiled module, which threads may share. */
export type LinalgModule = object;

/** The part of the WebAssembly JavaScript interface that is used. */
interface WasmApi {
  compile(bytes: Uint8Array): Promise<LinalgModule>;
  readonly Instance: new (module: LinalgModule, imports: object) => { readonly exports: unknown };
}

const wasm = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

/** Reads and compiles the linear algebra. Rejects with an EngineError `BUILD_MISSING`. */
export async function compileLinalg(): Promise<LinalgModule> {
  return wasm.compile(await readFile(buildFile("synapse-linalg.wasm", PACKAGE)));
}

/** What host/linalg/linalg.zig exports; places are bytes of its memory. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  scratchBytes(columns: number): number;
  accumulate(
    moments: number,
    sums: number,
    centre: number,
    k: number,
    rows: number,
    weights: number,
    count: number,
    scratch: number,
  ): void;
  cholesky(a: number, k: number, scratch: number): number;
  quadratic(h: number, k: number, d: number, n: number, product: number, scratch: number): number;
  roundColumns(
    factor: number,
    k: number,
    n: number,
    errors: number,
    asked: number,
    numbers: number,
    grid: number,
    scratch: number,
  ): void;
}

/**
 * One instance of the linear algebra and the memory that it works in, which is given out as a stack: `release` gives
 * back everything that was taken after `mark`. Views end with the next `take`, which may move the memory.
 */
export class Linalg {
  readonly calls: Exports;
  private top: number;

  constructor(module: LinalgModule) {
    this.calls = new wasm.Instance(module, {}).exports as unknown as Exports;
    this.top = this.calls.memory.buffer.byteLength;
  }

  /** The place of so many bytes, at a multiple of 64. Throws a RangeError where WebAssembly has no more memory. */
  take(bytes: number): number {
    const place = Math.ceil(this.top / 64) * 64;
    const missing = place + bytes - this.calls.memory.buffer.byteLength;
    if (missing > 0) this.calls.memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.top = place + bytes;
    return place;
  }

  takeScratch(columns: number): number {
    return this.take(this.calls.scratchBytes(columns));
  }

  mark(): number {
    return this.top;
  }

  release(mark: number): void {
    this.top = mark;
  }

  doubles(place: number, count: number): Float64Array {
    return new Float64Array(this.calls.memory.buffer, place, count);
  }

  floats(place: number, count: number): Float32Array {
    return new Float32Array(this.calls.memory.buffer, place, count);
  }

  words(place: number, count: number): Uint32Array {
    return new Uint32Array(this.calls.memory.buffer, place, count);
  }

  bytes(place: number, count: number): Int8Array {
    return new Int8Array(this.calls.memory.buffer, place, count);
  }
}
