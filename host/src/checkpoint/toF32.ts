import { inputError, quote } from "../files/inputError.js";
import { DEQUANTIZED, dequantizer } from "./dequantize.js";
import { f8e4m3ToF32, f8e5m2ToF32, f8e8m0ToF32 } from "./float8.js";
import { GGML_TYPES_BY_NAME } from "./ggmlTypes.js";
import { f16Table } from "./half.js";

type Convert = (bytes: Uint8Array<ArrayBuffer>) => Float32Array;

function f16(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const source = new Uint16Array(bytes.buffer);
  const bits = new Uint32Array(source.length);
  const table = f16Table();
  for (let i = 0; i < source.length; i++) bits[i] = table[source[i] as number] as number;
  return new Float32Array(bits.buffer);
}

function bf16(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const source = new Uint16Array(bytes.buffer);
  const bits = new Uint32Array(source.length);
  for (let i = 0; i < source.length; i++) bits[i] = (source[i] as number) << 16;
  return new Float32Array(bits.buffer);
}

/**
 * 64-bit integers, rounded once: beyond 53 bits the low bits fold into a sticky bit, so that the step through f64
 * cannot round a tie it made.
 */
function int64(bytes: Uint8Array<ArrayBuffer>, high: Int32Array | Uint32Array): Float32Array {
  const words = new Uint32Array(bytes.buffer);
  const out = new Float32Array(words.length / 2);
  for (let i = 0; i < out.length; i++) {
    const hi = high[2 * i + 1] as number;
    let lo = words[2 * i] as number;
    if ((hi >= 0x200000 || hi < -0x200000) && (lo & 0x7ff) !== 0) lo = ((lo & ~0x7ff) | 0x800) >>> 0;
    out[i] = hi * 4294967296 + lo;
  }
  return out;
}

const SCALARS: ReadonlyMap<string, Convert> = new Map<string, Convert>([
  ["F32", (bytes) => new Float32Array(bytes.buffer)],
  ["F16", f16],
  ["BF16", bf16],
  ["F64", (bytes) => new Float32Array(new Float64Array(bytes.buffer))],
  ["F8_E4M3", f8e4m3ToF32],
  ["F8_E5M2", f8e5m2ToF32],
  ["F8_E8M0", f8e8m0ToF32],
  ["BOOL", (bytes) => Float32Array.from(bytes, (value) => (value === 0 ? 0 : 1))],
  ["U8", (bytes) => new Float32Array(bytes)],
  ["I8", (bytes) => new Float32Array(new Int8Array(bytes.buffer))],
  ["U16", (bytes) => new Float32Array(new Uint16Array(bytes.buffer))],
  ["I16", (bytes) => new Float32Array(new Int16Array(bytes.buffer))],
  ["U32", (bytes) => new Float32Array(new Uint32Array(bytes.buffer))],
  ["I32", (bytes) => new Float32Array(new Int32Array(bytes.buffer))],
  ["I64", (bytes) => int64(bytes, new Int32Array(bytes.buffer))],
  ["U64", (bytes) => int64(bytes, new Uint32Array(bytes.buffer))],
]);

const EIGHT_BITS = ["F8_E4M3", "F8_E5M2", "F8_E8M0"];

/**
 * Little-endian values of `dtype` (scalar or GGUF block type) as f32, rounded to nearest even. NaN stays NaN, denormals
 * and infinities are kept. `bytes` must be whole elements or blocks; the answer may share its buffer.
 * @throws InputError CHECKPOINT_NO_F32 for a type that has no rule (complex numbers, most of GGUF's IQ types)
 */
export function toF32(dtype: string, bytes: Uint8Array, source: string, name: string): Float32Array {
  const owned =
    bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
      ? (bytes as Uint8Array<ArrayBuffer>)
      : bytes.slice();
  const convert = SCALARS.get(dtype);
  if (convert !== undefined) return convert(owned);
  const type = GGML_TYPES_BY_NAME.get(dtype);
  const dequantize = dequantizer(dtype);
  if (type === undefined || dequantize === undefined) {
    throw inputError(source, "CHECKPOINT_NO_F32", `values of type ${dtype} cannot be converted to f32`, {
      where: `tensor ${quote(name)}`,
      expected: `F32, F16, BF16, F64, ${EIGHT_BITS.join(", ")}, or of GGUF ${DEQUANTIZED.join(", ")}`,
    });
  }
  const blocks = owned.length / type.blockBytes;
  const out = new Float32Array(blocks * type.blockElements);
  dequantize(owned, blocks, out);
  return out;
}
