import type { EntryInfo } from "synapse-engine";
import { goldenInputs } from "../pack/golden.js";

/** Seeded inputs of a run on `rows` rows, as golden vectors have them (docs/format.md); `seed` is 1..2^32-1. */
export function seededInputs(entry: EntryInfo, rows: number, seed: number): Uint8Array[] {
  return goldenInputs(entry.inputs, rows, seed);
}

/** Rows of uniform numbers of [-1, 1): the same for the same seed everywhere. */
export function seededRows(rows: number, columns: number, seed: number): Float32Array[] {
  const [bytes] = goldenInputs([{ type: "f32", shape: [rows, columns], dynamic: false }], 1, seed);
  const values = floatsOf(bytes as Uint8Array);
  return Array.from({ length: rows }, (_, row) => values.slice(row * columns, (row + 1) * columns));
}

/**
 * The bytes of a typed array, without copying. Every machine that runs Node is little-endian, as the runtime's tensors
 * are.
 */
export function bytesOf(values: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Output bytes as floats; copies when the bytes are not aligned. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}
