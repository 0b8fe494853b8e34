import { describe, expect, it } from "vitest";
import { f16Bits, f16Value } from "../../format/float16.js";
import { type StorageTypeName, storageTypeNames } from "../../format/types.js";
import { dequantizeRow } from "../../testing/ggufReference.js";
import { seededNormals, seededRandom } from "../../testing/seededRandom.js";
import { storageTypes } from "./index.js";
import { codeMultiplier } from "./progressive.js";

const N = 21;
const K = 512;
const weights = seededNormals(3, N * K, 0.05);

function snrDb(values: Float32Array, stored: Float32Array): number {
  let signal = 0;
  let noise = 0;
  values.forEach((value, i) => {
    signal += value * value;
    noise += (value - (stored[i] as number)) ** 2;
  });
  return 10 * Math.log10(signal / noise);
}

/** Decibels on normally distributed weights, a little below what each type reaches; round to nearest q4_0 has 20.4. */
const SNR_MIN: Record<StorageTypeName, number> = {
  f32: 999,
  f16: 70,
  i8: 41.5,
  q8_0: 45,
  q4_0: 21.4,
  q4_k: 22.5,
  q6_k: 34.5,
  i4: 21,
  i3: 15.2,
  i2: 9.2,
  i5: 26.7,
  i6: 31.8,
};

describe.each(storageTypeNames)("%s", (name) => {
  const type = storageTypes[name];

  it("stores as many bytes as it says, with outputs padded to 16", () => {
    expect(type.encode(weights, N, K).length).toBe(type.bytes(N, K));
    expect(type.bytes(N, K)).toBe(type.bytes(32, K));
  });

  it("keeps the weights as well as its bits allow", () => {
    expect(snrDb(weights, type.decode(type.encode(weights, N, K), N, K))).toBeGreaterThan(SNR_MIN[name]);
  });

  it("keeps zero rows zero, also beside others", () => {
    const rows = weights.slice(0, 3 * K).fill(0, K, 2 * K);
    const decoded = type.decode(type.encode(rows, 3, K), 3, K);
    expect(decoded.subarray(K, 2 * K).every((value) => value === 0)).toBe(true);
    expect(decoded.every(Number.isFinite)).toBe(true);
  });

  it("survives tiny, huge and one-sided weights", () => {
    for (const rows of [
      weights.slice(0, K).map((value) => value * 1e-12),
      weights.slice(0, K).map((value) => value * 1e3),
      weights.slice(0, K).map(Math.abs),
    ]) {
      expect(type.decode(type.encode(rows, 1, K), 1, K).every(Number.isFinite)).toBe(true);
    }
  });

  // Weights of a fresh adaLN projection are as small: their scales are among the halves below 2^-14, 2^-24 apart.
  it.each([1e-3, 1e-4, 1e-5])("keeps weights around %d nearly as well as larger ones", (deviation) => {
    const rows = seededNormals(5, N * K, deviation);
    const floor = name === "f16" ? 50 : SNR_MIN[name] - 3;
    expect(snrDb(rows, type.decode(type.encode(rows, N, K), N, K))).toBeGreaterThan(floor);
  });

  it("never stores finite numbers in place of weights that it cannot reach", () => {
    const rows = weights.slice(0, K).map((value) => value * 1e12);
    const stored = type.decode(type.encode(rows, 1, K), 1, K);
    if (stored.every(Number.isFinite)) expect(snrDb(rows, stored)).toBeGreaterThan(SNR_MIN[name] - 3);
  });

  it("gives its own values back unchanged when they are encoded again", () => {
    const once = type.decode(type.encode(weights, N, K), N, K);
    const twice = type.decode(type.encode(once, N, K), N, K);
    expect(snrDb(once, twice)).toBeGreaterThan(SNR_MIN[name]);
  });
});

/** One weight read straight from docs/format.md's description, by index. */
const formula: Partial<Record<StorageTypeName, (b: Uint8Array, n: number, k: number, np: number) => number>> = {
  f32: (b, n, k) => view(b).getFloat32((Math.floor(n / 16) * K * 16 + k * 16 + (n % 16)) * 4, true),
  f16: (b, n, k) => half(b, (Math.floor(n / 16) * K * 16 + k * 16 + (n % 16)) * 2),
  i8: (b, n, k, np) =>
    view(b).getInt8(Math.floor(n / 16) * K * 16 + k * 16 + (n % 16)) * view(b).getFloat32(K * np + n * 4, true),
  q8_0: (b, n, k) => {
    const block = (Math.floor(n / 16) * (K / 32) + Math.floor(k / 32)) * 34 * 16;
    return half(b, block + (n % 16) * 2) * view(b).getInt8(block + 32 + (k % 32) * 16 + (n % 16));
  },
  q4_0: (b, n, k) => {
    const block = (Math.floor(n / 16) * (K / 32) + Math.floor(k / 32)) * 18 * 16;
    const byte = b[block + 32 + (k % 16) * 16 + (n % 16)] as number;
    return half(b, block + (n % 16) * 2) * ((k % 32 < 16 ? byte & 15 : byte >> 4) - 8);
  },
  i4: (b, n, k, np) => {
    const panel = Math.floor(n / 16) * ((K / 32) * 256 + (K / 64) * 16);
    const byte = b[panel + Math.floor(k / 32) * 256 + (k % 16) * 16 + (n % 16)] as number;
    const q = (k % 32 < 16 ? byte & 15 : byte >> 4) - 8;
    const w8 = Math.max(-128, Math.min(127, q * multiplier(b, panel + (K / 32) * 256, n, k) * 2));
    return w8 * view(b).getFloat32((np / 16) * ((K / 32) * 256 + (K / 64) * 16) + n * 4, true);
  },
  i3: (b, n, k, np) => progressive(b, n, k, np, 192, (at, j) => (pair(b, at, j) + 4 * bit(b, at + 128, j) - 4) * 4),
  i2: (b, n, k, np) => progressive(b, n, k, np, 128, (at, j) => (pair(b, at, j) - 2) * 8),
  i5: (b, n, k, np) => progressive(b, n, k, np, 320, (at, j) => nibble(b, at, j) + 16 * bit(b, at + 256, j) - 16),
  i6: (b, n, k, np) => progressive(b, n, k, np, 384, (at, j) => nibble(b, at, j) + 16 * pair(b, at + 256, j) - 32),
};

/** A progressive integer's weight: `number` reads the group that begins, for output n, at a byte. */
function progressive(
  b: Uint8Array,
  n: number,
  k: number,
  np: number,
  groupBytes: number,
  number: (at: number, j: number) => number,
): number {
  const panelSize = (K / 32) * groupBytes + (K / 64) * 16;
  const panel = Math.floor(n / 16) * panelSize;
  const q = number(panel + Math.floor(k / 32) * groupBytes + (n % 16), k % 32);
  const w8 = Math.max(-128, Math.min(127, q * multiplier(b, panel + (K / 32) * groupBytes, n, k)));
  return w8 * view(b).getFloat32((np / 16) * panelSize + n * 4, true);
}

const nibble = (b: Uint8Array, at: number, j: number) =>
  ((b[at + (j % 16) * 16] as number) >> (4 * Math.floor(j / 16))) & 15;
const pair = (b: Uint8Array, at: number, j: number) =>
  ((b[at + (j % 8) * 16] as number) >> (2 * Math.floor(j / 8))) & 3;
const bit = (b: Uint8Array, at: number, j: number) => ((b[at + (j % 4) * 16] as number) >> Math.floor(j / 4)) & 1;

function multiplier(b: Uint8Array, scales: number, n: number, k: number): number {
  const group = Math.floor(k / 32);
  const byte = b[scales + (group >> 1) * 16 + (n % 16)] as number;
  const code = group % 2 === 0 ? byte & 15 : byte >> 4;
  return ((code & 7) + 1) * (code & 8 ? -1 : 1);
}

function view(b: Uint8Array): DataView {
  return new DataView(b.buffer, b.byteOffset, b.byteLength);
}

function half(b: Uint8Array, at: number): number {
  return f16Value(view(b).getUint16(at, true));
}

describe("panels lie as docs/format.md says", () => {
  it.each(Object.keys(formula) as StorageTypeName[])("%s", (name) => {
    const type = storageTypes[name];
    const bytes = type.encode(weights, N, K);
    const decoded = type.decode(bytes, N, K);
    const expected = Float32Array.from(
      { length: N * K },
      (_, i) => formula[name]?.(bytes, Math.floor(i / K), i % K, 32) as number,
    );
    expect(decoded).toEqual(expected);
  });

  it.each(storageTypeNames)("%s fills rows up to whole blocks with zeros", (name) => {
    const type = storageTypes[name];
    const k = type.kMultiple + 45;
    const whole = Math.ceil(k / type.kMultiple) * type.kMultiple;
    const longer = new Float32Array(N * whole);
    for (let row = 0; row < N; row++) longer.set(weights.subarray(row * k, row * k + k), row * whole);
    const bytes = type.encode(weights.subarray(0, N * k), N, k);
    expect(bytes).toEqual(type.encode(longer, N, whole));
    expect(bytes.length).toBe(type.bytes(N, k));
    const decoded = type.decode(bytes, N, k);
    expect(decoded.length).toBe(N * k);
    const all = type.decode(bytes, N, whole);
    decoded.forEach((value, i) => {
      expect(value).toBe(all[Math.floor(i / k) * whole + (i % k)]);
    });
  });

  it("i8 pads rows to 16 with zeros", () => {
    const bytes = storageTypes.i8.encode(weights.slice(0, 16 * 10), 16, 10);
    expect(bytes.length).toBe(16 * 16 + 64);
    expect(bytes.subarray(160, 256).every((byte) => byte === 0)).toBe(true);
  });
});

describe("GGUF blocks", () => {
  const blockTypes = { q8_0: [32, 34], q4_0: [32, 18], q4_k: [256, 144], q6_k: [256, 210] } as const;

  it.each(Object.entries(blockTypes))(
    "%s is taken over without loss, whatever the blocks hold",
    (name, [blockWeights, blockBytes]) => {
      const type = storageTypes[name as StorageTypeName];
      const random = seededRandom(99);
      const blocks = Uint8Array.from({ length: ((N * K) / blockWeights) * blockBytes }, () =>
        Math.floor((random() + 1) * 128),
      );
      // Halves made of random bytes may be NaN or infinite: exponent bit 14 is cleared at the places of halves.
      const halves = { q8_0: [1], q4_0: [1], q4_k: [1, 3], q6_k: [209] }[name as keyof typeof blockTypes];
      for (let b = 0; b < blocks.length; b += blockBytes)
        for (const at of halves) blocks[b + at] = (blocks[b + at] as number) & 0xbf;
      const decoded = type.decode(type.repack?.(blocks, N, K) as Uint8Array, N, K);
      const rowBytes = (K / blockWeights) * blockBytes;
      for (let n = 0; n < N; n++) {
        const expected = dequantizeRow(
          name as keyof typeof blockTypes,
          blocks.subarray(n * rowBytes, (n + 1) * rowBytes),
          K,
        );
        expect(decoded.subarray(n * K, (n + 1) * K)).toEqual(expected);
      }
    },
  );
});

describe("codes and halves", () => {
  it("group codes stand for 1..8 and -1..-8", () => {
    expect(Array.from({ length: 16 }, (_, code) => codeMultiplier(code))).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, -1, -2, -3, -4, -5, -6, -7, -8,
    ]);
  });

  it("rounds to the nearest half, ties to even", () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < 0x7c00; bits++) {
      const middle = (f16Value(bits) + (bits === 0x7bff ? 65536 : f16Value(bits + 1))) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      if (f16Bits(f16Value(bits)) !== bits || f16Bits(middle) !== even || f16Bits(-middle) !== (even | 0x8000))
        wrong.push(bits);
    }
    expect(wrong).toEqual([]);
    expect(f16Bits(Number.POSITIVE_INFINITY)).toBe(0x7c00);
    expect(f16Value(f16Bits(Number.NaN))).toBeNaN();
    expect(f16Bits(1e-9)).toBe(0);
    // Half of the smallest subnormal, 2^-24, is a tie that goes to even, which is 0; all above it, to where the next
    // tie is, is that subnormal.
    expect([2 ** -25, 2 ** -25 * (1 + 2 ** -23), 2 ** -24, 2 ** -24 * 1.25, 2 ** -24 * 1.5].map(f16Bits)).toEqual([
      0, 1, 1, 1, 2,
    ]);
    expect([-(2 ** -25), -(2 ** -25) * (1 + 2 ** -23)].map(f16Bits)).toEqual([0x8000, 0x8001]);
  });
});
