import { EngineError } from "./errors.js";

/** The C API's layout in one build, as the build itself states it. Offsets and sizes in bytes. */
export interface Manifest {
  readonly pointerBytes: number;
  readonly structs: Readonly<
    Record<string, { readonly bytes: number; readonly fields: Readonly<Record<string, readonly [number, string]>> }>
  >;
  /** Names of `syn_result` values without their prefix, by value. */
  readonly results: Readonly<Record<string, string>>;
  readonly functions: readonly string[];
}

/**
 * A 32-bit little-endian guest that holds the runtime: its memory can be read and written from outside, and its C
 * functions called. The WASM module is one, the emulated RISC-V core another.
 */
export interface Guest {
  readonly manifest: Manifest;
  /** Address of a `syn_ticks` function. */
  readonly ticks: number;
  /** Calls a function of the manifest; arguments and result are 32-bit words, the result unsigned. */
  call(name: string, ...args: readonly number[]): number | Promise<number>;
  /** The address of `bytes` bytes at a multiple of 64, or 0. */
  alloc(bytes: number): number | Promise<number>;
  free(address: number, bytes: number): void | Promise<void>;
  /** A copy of the memory. */
  read(address: number, bytes: number): Uint8Array;
  write(address: number, data: Uint8Array): void;
  close(): void | Promise<void>;
}

/** Parses what a build says about itself; a build that does not describe a 32-bit guest is not one of ours. */
export function parseManifest(json: Uint8Array): Manifest {
  const manifest = JSON.parse(new TextDecoder().decode(json)) as Manifest;
  if (manifest.pointerBytes !== 4)
    throw new EngineError("BUILD", `the build has pointers of ${manifest.pointerBytes} bytes; expected 4`);
  return manifest;
}

/** One struct of the C API in a buffer, by field names. */
export class Struct {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #name: string;
  readonly #fields: Readonly<Record<string, readonly [number, string]>>;

  constructor(manifest: Manifest, name: string, bytes?: Uint8Array) {
    const layout = manifest.structs[name];
    if (layout === undefined) throw new EngineError("BUILD", `the build does not describe ${name}`);
    this.bytes = bytes ?? new Uint8Array(layout.bytes);
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    this.#name = name;
    this.#fields = layout.fields;
    if (bytes === undefined) this.set("size", layout.bytes);
  }

  #field(name: string): readonly [number, string] {
    const field = this.#fields[name];
    if (field === undefined) throw new EngineError("BUILD", `the build's ${this.#name} has no field ${name}`);
    return field;
  }

  /** A number, 64-bit counts included (exact up to 2^53). */
  get(name: string): number {
    const [offset, type] = this.#field(name);
    if (type === "u64") return Number(this.#view.getBigUint64(offset, true));
    return type === "i32" ? this.#view.getInt32(offset, true) : this.#view.getUint32(offset, true);
  }

  set(name: string, value: number): void {
    this.#view.setUint32(this.#field(name)[0], value, true);
  }

  /** The words of a `u32[n]` field. */
  words(name: string, count: number): number[] {
    const [offset] = this.#field(name);
    return Array.from({ length: count }, (_, index) => this.#view.getUint32(offset + 4 * index, true));
  }

  /** The bytes of a `u8[n]` field. */
  array(name: string): Uint8Array {
    const [offset, type] = this.#field(name);
    return this.bytes.subarray(offset, offset + Number(/\[(\d+)\]/.exec(type)?.[1] ?? 0));
  }
}
