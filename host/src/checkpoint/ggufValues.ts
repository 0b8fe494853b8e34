import { quote } from "../files/inputError.js";
import type { GgufCursor } from "./ggufCursor.js";

/** Bounds on metadata, far above every published file. */
export const GGUF_LIMITS = {
  keyValues: 1 << 16,
  keyBytes: 65535,
  stringBytes: 1 << 26,
  /** Of all arrays of a file together. */
  arrayElements: 1 << 24,
  arrayDepth: 4,
} as const;

const STRING = 8;
const ARRAY = 9;

type ScalarReader = (cursor: GgufCursor) => unknown;

/** A 64-bit integer as a number where that is exact, else as a bigint. */
function integer(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function bool(cursor: GgufCursor): boolean {
  const value = cursor.u8();
  if (value > 1) throw cursor.fail("GGUF_BAD_BOOL", `a bool holds ${value}`, "0 or 1");
  return value === 1;
}

/** By `gguf_metadata_value_type`: bytes of one, how to read one, and the typed array for many. */
const SCALARS: ReadonlyMap<
  number,
  { bytes: number; read: ScalarReader; many?: new (buffer: ArrayBuffer) => ArrayLike<number | bigint> }
> = new Map([
  [0, { bytes: 1, read: (cursor: GgufCursor) => cursor.u8(), many: Uint8Array }],
  [1, { bytes: 1, read: (cursor: GgufCursor) => cursor.i8(), many: Int8Array }],
  [2, { bytes: 2, read: (cursor: GgufCursor) => cursor.u16(), many: Uint16Array }],
  [3, { bytes: 2, read: (cursor: GgufCursor) => cursor.i16(), many: Int16Array }],
  [4, { bytes: 4, read: (cursor: GgufCursor) => cursor.u32(), many: Uint32Array }],
  [5, { bytes: 4, read: (cursor: GgufCursor) => cursor.i32(), many: Int32Array }],
  [6, { bytes: 4, read: (cursor: GgufCursor) => cursor.f32(), many: Float32Array }],
  [7, { bytes: 1, read: bool }],
  [10, { bytes: 8, read: (cursor: GgufCursor) => integer(cursor.u64()), many: BigUint64Array }],
  [11, { bytes: 8, read: (cursor: GgufCursor) => integer(cursor.i64()), many: BigInt64Array }],
  [12, { bytes: 8, read: (cursor: GgufCursor) => cursor.f64(), many: Float64Array }],
]);

/**
 * `count` key/value pairs. Keys must be distinct; counts, lengths and depth are bounded before anything is allocated
 * for them.
 */
export function readKeyValues(cursor: GgufCursor, count: number): Map<string, unknown> {
  const values = new Map<string, unknown>();
  const budget = { elements: GGUF_LIMITS.arrayElements };
  for (let i = 0; i < count; i++) {
    const key = cursor.string("a key", GGUF_LIMITS.keyBytes);
    if (values.has(key)) throw cursor.fail("GGUF_DUPLICATE_KEY", `the key ${quote(key)} occurs twice`, "distinct keys");
    values.set(key, readValue(cursor, cursor.u32(), 0, budget));
  }
  return values;
}

function readValue(cursor: GgufCursor, type: number, depth: number, budget: { elements: number }): unknown {
  const scalar = SCALARS.get(type);
  if (scalar !== undefined) return scalar.read(cursor);
  if (type === STRING) return cursor.string("a string", GGUF_LIMITS.stringBytes);
  if (type !== ARRAY) throw cursor.fail("GGUF_UNKNOWN_VALUE_TYPE", `the value type ${type} is not known`, "0 to 12");
  if (depth === GGUF_LIMITS.arrayDepth)
    throw cursor.fail("GGUF_LIMIT_EXCEEDED", "arrays are nested too deep", `at most ${GGUF_LIMITS.arrayDepth} levels`);
  return readArray(cursor, depth + 1, budget);
}

function readArray(cursor: GgufCursor, depth: number, budget: { elements: number }): unknown {
  const type = cursor.u32();
  const count = cursor.size("the length of an array", budget.elements);
  budget.elements -= count;
  const scalar = SCALARS.get(type);
  // A string takes at least its length, an array its type and length.
  const bytesMin = count * (scalar?.bytes ?? (type === ARRAY ? 12 : 8));
  if (bytesMin > cursor.remaining) {
    throw cursor.fail(
      "GGUF_TRUNCATED",
      `an array of ${count} elements takes at least ${bytesMin} bytes, ${cursor.remaining} remain`,
      "a complete file",
    );
  }
  if (scalar?.many !== undefined) return new scalar.many(cursor.bytes(count * scalar.bytes).buffer);
  const items: unknown[] = [];
  for (let i = 0; i < count; i++) items.push(readValue(cursor, type, depth, budget));
  if (count === 0) readableType(cursor, type);
  return items;
}

/** An empty array still names its type, which must exist. */
function readableType(cursor: GgufCursor, type: number): void {
  if (!SCALARS.has(type) && type !== STRING && type !== ARRAY)
    throw cursor.fail("GGUF_UNKNOWN_VALUE_TYPE", `the value type ${type} is not known`, "0 to 12");
}
