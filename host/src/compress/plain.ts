import { f16Bits, f16Upward, f16Value } from "../format/float16.js";
import { roundUp } from "../format/roundUp.js";
import { type ScaleType, scaleBytes } from "../format/types.js";

/** Types of constants in rows: vectors, and tables of two dimensions. */
export type PlainType = "f32" | "f16" | "i8";

/** How what is no linear weight is stored, and the scales of rows. */
export interface SlimStorage {
  /** Biases, norms, single rows. */
  readonly vectors: "f32" | "f16";
  /** Tables of several rows, such as positions. */
  readonly tables: PlainType;
  /** Of the types that have one for each row, and of `i8` tables. */
  readonly scales: ScaleType;
}

/** What a pack has that was asked for nothing. */
export const UNSLIMMED: SlimStorage = { vectors: "f32", tables: "f32", scales: "f32" };

const ELEMENT_BYTES = { f32: 4, f16: 2, i8: 1 } as const;

/** Where the scales of an `i8` table begin. */
const scalesOffset = (rows: number, columns: number) => roundUp(rows * columns, 4);

/** Bytes of a constant in rows. */
export function plainBytes(type: PlainType, rows: number, columns: number, scales: ScaleType): number {
  if (type !== "i8") return rows * columns * ELEMENT_BYTES[type];
  return scalesOffset(rows, columns) + rows * scaleBytes(scales);
}

/** Numbers as the file has them. What a half cannot hold becomes infinite, as does the scale of such a row. */
export function encodePlain(
  type: PlainType,
  values: Float32Array,
  rows: number,
  columns: number,
  scales: ScaleType,
): Uint8Array {
  const bytes = new Uint8Array(plainBytes(type, rows, columns, scales));
  const view = new DataView(bytes.buffer);
  if (type === "f32") values.forEach((value, i) => void view.setFloat32(i * 4, value, true));
  if (type === "f16") values.forEach((value, i) => void view.setUint16(i * 2, f16Bits(value), true));
  if (type !== "i8") return bytes;
  const from = scalesOffset(rows, columns);
  for (let row = 0; row < rows; row++) {
    const numbers = values.subarray(row * columns, (row + 1) * columns);
    const exact = Math.fround(numbers.reduce((max, value) => Math.max(max, Math.abs(value)), 0) / 127);
    const scale = scales === "f16" ? f16Value(f16Upward(exact)) : exact;
    if (scales === "f16") view.setUint16(from + row * 2, f16Upward(exact), true);
    else view.setFloat32(from + row * 4, scale, true);
    const inverse = scale > 0 ? 1 / scale : 0;
    numbers.forEach((value, i) => {
      view.setInt8(row * columns + i, Math.max(-127, Math.min(127, Math.round(value * inverse))));
    });
  }
  return bytes;
}

/** The stored numbers, row-major. */
export function decodePlain(
  type: PlainType,
  bytes: Uint8Array,
  rows: number,
  columns: number,
  scales: ScaleType,
): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const from = scalesOffset(rows, columns);
  const scaleOf = (row: number) =>
    scales === "f16" ? f16Value(view.getUint16(from + row * 2, true)) : view.getFloat32(from + row * 4, true);
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    if (type === "f32") return view.getFloat32(i * 4, true);
    if (type === "f16") return f16Value(view.getUint16(i * 2, true));
    return view.getInt8(i) * scaleOf(Math.floor(i / columns));
  });
}
