import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { opNames } from "./ops.js";
import { scratchBytes } from "./scratch.js";
import { format } from "./table.js";
import { panelBytes, storageTypeNames, weightBytes } from "./types.js";

describe("the table of the format", () => {
  it("is that of kernels/format.json, which a test of the runtime holds", async () => {
    const script = new URL("../../../scripts/make-format.mjs", import.meta.url).href;
    const { formatTable } = (await import(script)) as { formatTable: () => string };
    const kept = readFileSync(new URL("./table.ts", import.meta.url), "utf8");
    expect(kept, "run: node scripts/make-format.mjs").toBe(formatTable());
  });

  it("has types and ops in the order of the runtime", () => {
    expect(storageTypeNames).toEqual([
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
    ]);
    expect(opNames).toContain("linear");
  });
});

describe("the fuzzer's dictionary", () => {
  it("has every name of the format, with the head that it has in a header", () => {
    const dictionary = readFileSync(new URL("../../../kernels/fuzz/syn.dict", import.meta.url), "utf8");
    const { types, ops, numeric, port_kinds, regions, activation_functions } = format;
    const keys = Object.values(ops).flatMap(({ keys }) => Object.keys(keys));
    const names = [
      ...Object.keys(types),
      ...Object.keys(ops),
      ...keys,
      ...numeric,
      ...port_kinds,
      ...regions,
      ...activation_functions,
    ];
    const entry = (name: string) => `"\\x${(0x60 + name.length).toString(16)}${name}"`;
    expect(names.filter((name) => !dictionary.includes(entry(name)))).toEqual([]);
  });
});

describe("sizes, by hand from docs/format.md", () => {
  it("panels", () => {
    expect(panelBytes("i8", 17)).toBe(32 * 16);
    expect(panelBytes("q4_k", 512)).toBe(2 * 2304);
    // Three groups have two bytes of codes for each output.
    expect(panelBytes("i3", 96)).toBe(3 * 192 + 2 * 16);
  });

  it("weights: outputs in sixteens, then the scales", () => {
    expect(weightBytes("f16", 17, 3)).toBe(2 * 3 * 16 * 2);
    expect(weightBytes("i8", 17, 20)).toBe(2 * 32 * 16 + 32 * 4);
  });

  it("scratch", () => {
    const linear = { rows: 3, fine_rows: 0, k_padded: 288, integers: true, minima: false };
    expect(scratchBytes("linear", linear)).toBe(896 + 64);
    expect(scratchBytes("linear", { ...linear, minima: true })).toBe(896 + 64 + 128);
    expect(scratchBytes("linear", { ...linear, fine_rows: 2 })).toBe(896 + 64 + 576);
    expect(scratchBytes("linear", { ...linear, fine_rows: 2, minima: true })).toBe(896 + 64 + 128 + 576 + 128);
    expect(scratchBytes("linear", { ...linear, integers: false })).toBe(0);
    const attention = { rows: 5, keys: 7, heads: 4, kv_heads: 2, dim: 20, int8: true };
    expect(scratchBytes("attention", attention)).toBe(640 + 128 + 1024 + 128 + 1024 + 256);
    expect(scratchBytes("attention", { ...attention, int8: false })).toBe(0);
  });
});
