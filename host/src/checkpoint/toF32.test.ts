import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toF32 } from "./toF32.js";

function convert(dtype: string, values: ArrayBufferView): Float32Array {
  return toF32(dtype, new Uint8Array(values.buffer, values.byteOffset, values.byteLength), "test", "w");
}

function bitsOf(values: Float32Array): number[] {
  return [...new Uint32Array(values.buffer, values.byteOffset, values.length)];
}

/** Rounds an integer to f32 in integers alone: keep 24 bits, round half to even. */
function roundInteger(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  const drop = BigInt(Math.max(0, magnitude.toString(2).length - 24));
  let kept = magnitude >> drop;
  const rest = magnitude - (kept << drop);
  const half = drop === 0n ? 1n : 1n << (drop - 1n);
  if (drop > 0n && (rest > half || (rest === half && (kept & 1n) === 1n))) kept++;
  return Number(value < 0n ? -(kept << drop) : kept << drop);
}

describe("conversion to f32", () => {
  it("keeps bf16 bit patterns, NaN payloads and denormals included", () => {
    const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
    expect(bitsOf(convert("BF16", all))).toEqual(Array.from(all, (bits) => (bits << 16) >>> 0));
  });

  it("rounds every 64-bit integer once", () => {
    const edges = [
      0n,
      -1n,
      2n ** 63n - 1n,
      -(2n ** 63n),
      2n ** 53n + 1n,
      2n ** 61n + 2n ** 37n,
      2n ** 61n + 2n ** 37n + 1n,
      -(2n ** 61n) - 2n ** 37n - 1n,
    ];
    expect([...convert("I64", BigInt64Array.from(edges))]).toEqual(edges.map(roundInteger));
    // Values close to a tie of f32, where a detour through f64 goes wrong.
    const nearTie = fc.tuple(fc.bigInt(2n ** 23n, 2n ** 24n - 1n), fc.integer({ min: 1, max: 39 }), fc.bigInt(-3n, 3n));
    fc.assert(
      fc.property(nearTie, ([kept, drop, off]) => {
        const value = (kept << BigInt(drop)) + (1n << BigInt(drop - 1)) + off;
        expect([...convert("U64", BigUint64Array.of(value))]).toEqual([roundInteger(value)]);
        if (value < 2n ** 63n) expect([...convert("I64", BigInt64Array.of(-value))]).toEqual([roundInteger(-value)]);
      }),
    );
  });

  it("rounds f64 to nearest even and overflows to infinity", () => {
    expect([
      ...convert("F64", Float64Array.of(1 + 2 ** -24, 1 + 3 * 2 ** -24, 1e39, -1e39, 1e-46, Number.NaN)),
    ]).toEqual([1, 1 + 2 ** -22, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, Number.NaN]);
  });

  it("takes bytes at any alignment inside a larger buffer", () => {
    const shifted = new Uint8Array(13);
    shifted.set(new Uint8Array(Float32Array.of(1.5, -2, 8).buffer), 1);
    expect([...convert("F32", shifted.subarray(1))]).toEqual([1.5, -2, 8]);
  });

  it("refuses types without a rule", () => {
    expect(() => convert("C64", new Uint8Array(8))).toThrow(expect.objectContaining({ code: "CHECKPOINT_NO_F32" }));
  });
});
