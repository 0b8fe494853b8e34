import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { InputError } from "synapse-engine/errors";
import { afterAll, expect } from "vitest";
import { type Checkpoint, openCheckpoint } from "./index.js";

/** A folder that disappears with the test file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "synapse-checkpoint-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Little-endian bytes from numbers by width. */
export class Bytes {
  readonly #parts: Uint8Array[] = [];

  raw(...parts: (Uint8Array | number[] | string)[]): this {
    for (const part of parts)
      this.#parts.push(typeof part === "string" ? new TextEncoder().encode(part) : Uint8Array.from(part));
    return this;
  }
  u8(...values: number[]): this {
    return this.raw(values);
  }
  u16(...values: number[]): this {
    return this.raw(new Uint8Array(Uint16Array.from(values).buffer));
  }
  u32(...values: number[]): this {
    return this.raw(new Uint8Array(Uint32Array.from(values).buffer));
  }
  u64(...values: (number | bigint)[]): this {
    return this.raw(new Uint8Array(BigUint64Array.from(values, BigInt).buffer));
  }
  f32(...values: number[]): this {
    return this.raw(new Uint8Array(Float32Array.from(values).buffer));
  }
  /** A GGUF string. */
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.u64(bytes.length).raw(bytes);
  }
  done(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#parts));
  }
}

export function safetensorsBytes(header: unknown, dataBytes: number): Uint8Array {
  const json = typeof header === "string" ? header : JSON.stringify(header);
  return new Bytes().u64(new TextEncoder().encode(json).length).raw(json, new Uint8Array(dataBytes)).done();
}

export interface ZipMember {
  readonly name: string;
  readonly data: Uint8Array;
  readonly deflate?: boolean;
  /** Overrides the length that the directory claims. */
  readonly claims?: number;
}

/**
 * A zip as an ordinary tool writes it; `zip64` moves every size and offset of the directory into the 64-bit records.
 */
export function zipBytes(members: readonly ZipMember[], zip64 = false): Uint8Array {
  const body = new Bytes();
  const directory = new Bytes();
  let offset = 0;
  for (const { name, data, deflate, claims } of members) {
    const stored = deflate ? deflateRawSync(data) : data;
    const method = deflate ? 8 : 0;
    const bytes = claims ?? data.length;
    const crc = crc32(data);
    body.u32(0x04034b50).u16(45, 0, method, 0, 0).u32(crc, stored.length, bytes).u16(name.length, 0).raw(name, stored);
    const extra = zip64
      ? new Bytes().u16(0x7777, 2, 0).u16(1, 24).u64(bytes, stored.length, offset).done()
      : new Uint8Array(0);
    const narrow = zip64 ? [0xffffffff, 0xffffffff] : [stored.length, bytes];
    directory
      .u32(0x02014b50)
      .u16(45, 45, 0, method, 0, 0)
      .u32(crc, ...narrow)
      .u16(name.length, extra.length, 0, 0, 0);
    directory.u32(0, zip64 ? 0xffffffff : offset).raw(name, extra);
    offset += 30 + name.length + stored.length;
  }
  const entries = directory.done();
  const out = new Bytes().raw(body.done(), entries);
  const count = members.length;
  if (zip64) {
    out.u32(0x06064b50).u64(44).u16(45, 45).u32(0, 0).u64(count, count, entries.length, offset);
    out
      .u32(0x07064b50, 0)
      .u64(offset + entries.length)
      .u32(1);
    return out.u32(0x06054b50).u16(0, 0, 0xffff, 0xffff).u32(0xffffffff, 0xffffffff).u16(0).done();
  }
  return out.u32(0x06054b50).u16(0, 0, count, count).u32(entries.length, offset).u16(0).done();
}

/**
 * The InputError that opening (or then reading) `bytes` ends in; fails the test when it succeeds or ends in anything
 * else.
 */
export async function rejection(path: string, bytes: Uint8Array): Promise<InputError> {
  writeFileSync(path, bytes);
  try {
    const checkpoint = await openCheckpoint(path);
    try {
      for (const tensor of checkpoint.tensors.values()) await tensor.readF32();
    } finally {
      await checkpoint.close();
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.source).toBe(path);
    return error;
  }
  throw new Error("the file was accepted");
}

/** Opens `bytes` and reads every tensor: either all holds together, or it ends in a typed error about this file. */
export async function openOrReject(path: string, bytes: Uint8Array): Promise<"valid" | "rejected"> {
  writeFileSync(path, bytes);
  let checkpoint: Checkpoint | undefined;
  try {
    checkpoint = await openCheckpoint(path);
    for (const tensor of checkpoint.tensors.values()) {
      expect(tensor.bytes).toBeLessThanOrEqual(bytes.length);
      expect((await tensor.read()).length).toBe(tensor.bytes);
      const elements = tensor.shape.reduce((product, size) => product * size, 1);
      try {
        expect((await tensor.readF32()).length).toBe(elements);
      } catch (error) {
        if (!(error instanceof InputError && error.code === "CHECKPOINT_NO_F32")) throw error;
      }
    }
    return "valid";
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.code).toMatch(/^(CHECKPOINT|SAFETENSORS|GGUF|TORCH|PICKLE|ZIP|SHARD)_/);
    expect(error.source).toBe(path);
    return "rejected";
  } finally {
    await checkpoint?.close();
  }
}
