import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Engine, PortInfo } from "./engine.js";
import { openNativeEngine } from "./native.js";
import { openRv32Engine } from "./rv32.js";
import { PackBuilder, seal } from "./testing/packBuilder.js";
import { inputMultiple, STORAGE_TYPES } from "./testing/packWeights.js";
import { qemuMissing } from "./testing/qemu.js";
import { Xorshift32 } from "./testing/random.js";
import { attentionScratch, type SmallWidth, smallInput, smallPack } from "./testing/smallPack.js";
import { openWasmEngine } from "./wasmNode.js";

const withoutQemu = qemuMissing() !== undefined;

/**
 * The numeric contract of docs/format.md: an `exact` model gives the same bytes on every build,
 * with threads or without.
 */
describe("outputs are equal byte for byte on all builds", { timeout: 120_000 }, () => {
  test("in every type that the runtime has for constants", () => {
    const text = readFileSync(new URL("../../kernels/format.json", import.meta.url), "utf8");
    const { types } = JSON.parse(text) as { types: Record<string, { products?: string }> };
    expect(Object.keys(types).filter((name) => types[name]?.products !== undefined)).toEqual([...STORAGE_TYPES]);
  });

  test.each(STORAGE_TYPES)("%s", async (type) => {
    const packs = (["f32", "i8"] as const).map((attention) => smallPack(type, { attention, seed: 0xe9 }));
    const found = await onAllBuilds((engine, threads) => outputs(engine, packs, type, threads));
    // Different rows and ways to attend give different numbers: nothing above compares constants.
    expect(new Set(found).size).toBeGreaterThan(4);
  });

  const blocked = STORAGE_TYPES.filter((type) => inputMultiple(type) > 1);
  test.each(blocked)("%s with rows that fill no whole block", async (type) => {
    const width = { heads: 2, dim: 150 };
    const pack = smallPack(type, { width, seed: 0xea });
    const found = await onAllBuilds((engine, threads) => outputs(engine, [pack], type, threads, width));
    expect(new Set(found).size).toBe(3);
    const before = pack.slice();
    new DataView(before.buffer).setUint16(10, 0, true);
    const engine = await openNativeEngine();
    await expect(engine.openModel(seal(before))).rejects.toThrow(
      /300, expected a multiple of .* before version 1\.1|type i[256], which came with version 1\.1/,
    );
    await engine.close();
  });

  const integers = STORAGE_TYPES.filter((type) => type !== "f32" && type !== "f16");
  test.each(integers)("%s with rows of two digits, and attention that passes rounding errors on", async (type) => {
    const packs = [1, 3, 5].map((fineRows) => smallPack(type, { fineRows, attention: "i8_diffused", seed: 0xeb }));
    const found = await onAllBuilds((engine, threads) => outputs(engine, packs, type, threads));
    // Of one row, all are fine in each of the packs; of two and five, it is another number of them.
    expect(new Set(found).size).toBe(1 + 2 + 3);
  });

  test("attention over as many keys as pass errors on, causal or not, with heads that share keys", async () => {
    const found = await onAllBuilds(async (engine, threads) => {
      const all: string[] = [];
      for (const causal of [false, true]) {
        for (const rows of causal ? [70] : [1, 13, 70]) {
          const model = await engine.openModel(attentionPack(rows, 70, causal));
          const session = await model.createSession({ threads });
          const inputs = [rows, 70].map((count, i) => {
            const random = new Xorshift32(rows + i);
            return new Uint8Array(Float32Array.from({ length: count * 84 }, () => 3 * random.unit()).buffer);
          });
          const [out] = await session.run("attend", inputs, 1);
          all.push(Buffer.from(out ?? []).toString("hex"));
          await model.close();
        }
      }
      return all;
    });
    expect(new Set(found).size).toBe(4);
  });

  // The seeds of fuzzing hold every op, and between them every activation function but gelu,
  // which the packs above have.
  test.each(STORAGE_TYPES.filter((type) => type !== "f32" && type !== "f16"))(
    "every op of a pack in %s, for wild inputs too",
    async (type) => {
      const pack = readFileSync(new URL(`../../kernels/fuzz/corpus/${type}.syn`, import.meta.url));
      const found = await onAllBuilds((engine, threads) => entryOutputs(engine, pack, threads));
      expect(new Set(found).size).toBeGreaterThan(4);
    },
  );
});

/** Four heads of 21 numbers over two of keys and values, which lie beside each other: no multiples of sixteen. */
function attentionPack(rows: number, keys: number, causal: boolean): Uint8Array {
  const [heads, kvHeads, dim] = [4, 2, 21];
  const pack = new PackBuilder("attention").versionMinor(1);
  const q = pack.activation("q", [rows, heads * dim]);
  const kv = pack.activation("kv", [keys, 2 * kvHeads * dim]);
  const half = (name: string, index: number) =>
    pack.activation(name, [keys, kvHeads * dim], { view: { of: kv, elements: index * kvHeads * dim } });
  const [k, v, out] = [half("k", 0), half("v", 1), pack.activation("out", [rows, heads * dim])];
  // More than is needed: as if each head had keys of its own.
  const scratch = pack.scratch(attentionScratch(Math.max(rows, keys), heads, dim));
  pack.entry(
    "attend",
    1,
    [
      { name: "q", tensor: q, kind: "tensor" },
      { name: "kv", tensor: kv, kind: "tensor" },
    ],
    [{ name: "out", tensor: out, kind: "tensor" }],
    [
      {
        op: "attention",
        q,
        k,
        v,
        out,
        heads,
        kv_heads: kvHeads,
        scale: 0.3,
        causal,
        compute: "i8_diffused",
        ...scratch,
      },
    ],
  );
  return pack.build();
}

/** What every build answers, once they all answer the same. */
async function onAllBuilds(answers: (engine: Engine, threads: number) => Promise<string[]>): Promise<string[]> {
  const openers: (() => Promise<Engine>)[] = [
    openNativeEngine,
    () => openWasmEngine("wasm"),
    () => openWasmEngine("wasm-baseline"),
  ];
  if (!withoutQemu) openers.push(() => openRv32Engine({ icount: false }));
  let first: { readonly name: string; readonly found: string[] } | undefined;
  for (const open of openers) {
    const engine = await open();
    for (const threads of engine.name === "native" ? [1, 3] : [1]) {
      const found = await answers(engine, threads);
      first ??= { name: engine.name, found };
      expect(found, `${engine.name} with ${threads} threads, and ${first.name}`).toEqual(first.found);
    }
    await engine.close();
  }
  return first?.found ?? [];
}

async function outputs(
  engine: Engine,
  packs: readonly Uint8Array[],
  type: (typeof STORAGE_TYPES)[number],
  threads: number,
  width?: SmallWidth,
): Promise<string[]> {
  const found: string[] = [];
  for (const pack of packs) {
    const model = await engine.openModel(pack);
    const session = await model.createSession({ threads });
    for (const rows of [1, 2, 5]) {
      const [z] = await session.run("encode", [smallInput(type, rows, 0xbeef, width)], rows);
      found.push(Buffer.from(z ?? []).toString("hex"));
    }
    await model.close();
  }
  return found;
}

/**
 * All entries with one row and with all, for numbers between -1 and 1,
 * and with numbers among them that no sensor gives.
 */
async function entryOutputs(engine: Engine, pack: Uint8Array, threads: number): Promise<string[]> {
  const found: string[] = [];
  const model = await engine.openModel(pack);
  const session = await model.createSession({ threads });
  for (const entry of model.info.entries) {
    for (const rows of new Set([1, entry.rowsMax])) {
      for (const wild of [undefined, ...WILD]) {
        const random = new Xorshift32(0x3d + found.length);
        const inputs = entry.inputs.map((port) => inputOf(port, rows, random, wild));
        found.push((await session.run(entry.name, inputs, rows)).map((output) => withoutNanBits(output)).join());
      }
    }
  }
  await model.close();
  return found;
}

const WILD = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  3.4e38,
  -3.4e38,
  1e-38,
  1e-40,
  -1e-45,
  -0,
  1e20,
  -100,
];

/** `wild` stands for about every eighth number. */
function inputOf(port: PortInfo, rows: number, random: Xorshift32, wild: number | undefined): Uint8Array {
  const elements = port.shape.reduce((product, size, i) => product * (i === 0 && port.dynamic ? rows : size), 1);
  if (port.type === "u8") return Uint8Array.from({ length: elements }, () => random.next() >>> 24);
  const value = () => (wild !== undefined && random.next() >>> 29 === 0 ? wild : random.unit());
  return new Uint8Array(Float32Array.from({ length: elements }, value).buffer);
}

/** Bytes of f32 as hex; what a NaN says beyond being one is up to the machine. */
function withoutNanBits(output: Uint8Array): string {
  const bits = new Uint32Array(output.slice().buffer);
  for (const [i, value] of new Float32Array(bits.buffer).entries()) if (Number.isNaN(value)) bits[i] = 0x7fc00000;
  return Buffer.from(bits.buffer).toString("hex");
}
