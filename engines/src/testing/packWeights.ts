import type { Xorshift32 } from "./random.js";

export const STORAGE_TYPES = [
  "f32",
  "f16",
  "i8",
  "q8_0",
  "q4_0",
  "q4_k",
  "q6_k",
  "i4",
  "i3",
  "i2",
  "i5",
  "i6",
] as const;
export type StorageType = (typeof STORAGE_TYPES)[number];

const LANES = 16;

/** What one element of a field holds: any byte, a small positive half or single, or a single around zero. */
type Element = "byte" | "f16" | "f32 scale" | "f32" | "f16 signed";
const ELEMENT_BYTES: Readonly<Record<Element, number>> = { byte: 1, f16: 2, "f32 scale": 4, f32: 4, "f16 signed": 2 };

/** Rows of 16 lanes each: how often and what. */
type Field = readonly [rows: number, element: Element];

interface Layout {
  /** K is filled up to a multiple of this. */
  readonly multiple: number;
  /** Fields of a panel for a given K, a multiple, in order. */
  readonly panel: (k: number) => readonly Field[];
  /** A scale for each output follows all panels. */
  readonly scales: boolean;
  /** Smallest biased exponent of the block scales, such that block sums stay near 1; 0 takes subnormal halves in. */
  readonly halfExponent: number;
}

const repeat = (count: number, fields: readonly Field[]): Field[] => Array.from({ length: count }, () => fields).flat();

/** Groups of 32 with so many rows of bytes in each field, then half a byte of scale code for each group. */
function progressive(rows: readonly number[]): Layout {
  const fields = rows.map((count): Field => [count, "byte"]);
  return {
    multiple: 32,
    panel: (k) => [...repeat(k / 32, fields), [Math.ceil(k / 64), "byte"]],
    scales: true,
    halfExponent: 0,
  };
}

/** The table "Storage types" of docs/format.md. */
const LAYOUTS: Readonly<Record<StorageType, Layout>> = {
  f32: { multiple: 1, panel: (k) => [[k, "f32"]], scales: false, halfExponent: 0 },
  f16: { multiple: 1, panel: (k) => [[k, "f16 signed"]], scales: false, halfExponent: 0 },
  i8: { multiple: 1, panel: (k) => [[k, "byte"]], scales: true, halfExponent: 0 },
  q8_0: {
    multiple: 32,
    panel: (k) =>
      repeat(k / 32, [
        [1, "f16"],
        [32, "byte"],
      ]),
    scales: false,
    halfExponent: 4,
  },
  q4_0: {
    multiple: 32,
    panel: (k) =>
      repeat(k / 32, [
        [1, "f16"],
        [16, "byte"],
      ]),
    scales: false,
    halfExponent: 8,
  },
  q4_k: {
    multiple: 256,
    panel: (k) =>
      repeat(k / 256, [
        [1, "f16"],
        [1, "f16"],
        [12, "byte"],
        [128, "byte"],
      ]),
    scales: false,
    halfExponent: 2,
  },
  q6_k: {
    multiple: 256,
    panel: (k) =>
      repeat(k / 256, [
        [128, "byte"],
        [64, "byte"],
        [16, "byte"],
        [1, "f16"],
      ]),
    scales: false,
    halfExponent: 0,
  },
  i4: progressive([16]),
  i3: progressive([8, 4]),
  i2: progressive([8]),
  i5: progressive([16, 4]),
  i6: progressive([16, 8]),
};

/** The minor version of the format that the type came with. */
export function typeVersion(type: StorageType): number {
  return ["i2", "i5", "i6"].includes(type) ? 1 : 0;
}

/** K of a weight of this type is filled up to a multiple of the answer. */
export function inputMultiple(type: StorageType): number {
  return LAYOUTS[type].multiple;
}

/**
 * A linear weight [n, k] of a storage type, filled from `random`: every stored integer takes any value, scales are such
 * that outputs stay near 1 for inputs near 1. Lanes beyond n and int8 rows beyond k are zero; what fills up a last
 * block is anything, for nothing reads it.
 */
export function randomWeight(type: StorageType, n: number, k: number, random: Xorshift32): Uint8Array {
  const layout = LAYOUTS[type];
  const panels = Math.ceil(n / LANES);
  const chunks: Uint8Array[] = [];
  for (let panel = 0; panel < panels; panel += 1) {
    const lanes = Math.min(LANES, n - panel * LANES);
    for (const [rows, element] of layout.panel(roundUp(k, layout.multiple)))
      chunks.push(randomField(rows, lanes, element, k, layout.halfExponent, random));
    if (type === "i8") chunks.push(new Uint8Array((roundUp(k, LANES) - k) * LANES));
  }
  if (layout.scales) {
    for (let panel = 0; panel < panels; panel += 1)
      chunks.push(randomField(1, Math.min(LANES, n - panel * LANES), "f32 scale", k, 0, random));
  }
  return concatenate(chunks);
}

function randomField(
  rows: number,
  lanes: number,
  element: Element,
  k: number,
  exponent: number,
  random: Xorshift32,
): Uint8Array {
  const size = ELEMENT_BYTES[element];
  const bytes = new Uint8Array(rows * LANES * size);
  const view = new DataView(bytes.buffer);
  for (let row = 0; row < rows; row += 1) {
    for (let lane = 0; lane < lanes; lane += 1) {
      const at = (row * LANES + lane) * size;
      const word = random.next();
      if (element === "byte") view.setUint8(at, word >>> 24);
      // Positive halves over three powers of two.
      else if (element === "f16") view.setUint16(at, ((exponent + (word % 3)) << 10) | ((word >>> 8) & 1023), true);
      // Halves between 2^-7 and 2^-4 of either sign.
      else if (element === "f16 signed")
        view.setUint16(at, ((word & 1) << 15) | ((8 + (word % 3)) << 10) | ((word >>> 8) & 1023), true);
      else if (element === "f32 scale")
        view.setFloat32(at, (0.5 + (word >>> 9) * 2 ** -23) / (64 * Math.sqrt(k)), true);
      else view.setFloat32(at, ((word >>> 8) * 2 ** -23 - 1) / Math.sqrt(k), true);
    }
  }
  return bytes;
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

export function concatenate(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}
