import { readFileSync } from "node:fs";
import { type Engine, openNativeEngine, openRv32Engine, openWasmEngine } from "synapse-engine";
import { qemuMissing } from "synapse-engine/testing/qemu";
import { describe, expect, it } from "vitest";
import { type Compiled, compile } from "../compile/compile.js";
import { isConstant } from "../format/header.js";
import { Interpreter } from "../pack/interpret.js";
import { readPack } from "../pack/readPack.js";
import { LEWM_SMALL } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import { codeOf } from "../testing/codeOf.js";
import { memoryCheckpoint } from "../testing/memoryCheckpoint.js";
import { seededNormals } from "../testing/seededRandom.js";
import { decodePlain, encodePlain, plainBytes, type SlimStorage } from "./plain.js";
import { storageTypes } from "./types/index.js";

const config = JSON.parse(readFileSync(new URL("../../../configs/lewm-test.json", import.meta.url), "utf8"));
const SLIMMEST: SlimStorage = { vectors: "f16", tables: "i8", scales: "f16" };

/** With nothing else of version 1.1. */
const packed = (slim: Partial<SlimStorage>, types = "i8"): Promise<Compiled> =>
  compile({
    checkpoint: seededCheckpoint(LEWM_SMALL, 3),
    config,
    types,
    slim,
    attentionCompute: types === "f16" ? "f32" : "i8",
    activations: "int8",
    fastBytes: 4096,
  });

/** What a build answers to an entry, for inputs between -1 and 1 and pictures of any bytes. */
async function answers(engine: Engine, bytes: Uint8Array, threads: number): Promise<string[]> {
  const model = await engine.openModel(bytes);
  const session = await model.createSession({ threads });
  const image = Uint8Array.from({ length: 28 * 28 * 3 }, (_, i) => (i * 37) % 251);
  const found: string[] = [];
  for (const entry of model.info.entries) {
    const inputs = entry.inputs.map((port) =>
      port.type === "u8"
        ? image.slice(
            0,
            port.shape.reduce((product, size) => product * size, 1),
          )
        : new Uint8Array(
            seededNormals(
              7,
              port.shape.reduce((product, size) => product * size, 1),
            ).buffer,
          ),
    );
    for (const output of await session.run(entry.name, inputs, entry.rowsMax))
      found.push(Buffer.from(output).toString("hex"));
  }
  await model.close();
  return found;
}

describe("numbers in rows", () => {
  it("f16 rounds to the nearest half, and i8 to 254 steps of each row's largest", () => {
    const values = seededNormals(5, 6 * 35, 0.1);
    values.fill(0, 35, 70);
    const errorOf = (type: "f32" | "f16" | "i8", scales: "f32" | "f16") => {
      const bytes = encodePlain(type, values, 6, 35, scales);
      expect(bytes.length).toBe(plainBytes(type, 6, 35, scales));
      return Math.max(
        ...decodePlain(type, bytes, 6, 35, scales).map((value, i) => Math.abs(value - (values[i] as number))),
      );
    };
    const max = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(errorOf("f32", "f32")).toBe(0);
    expect(errorOf("f16", "f32")).toBeLessThanOrEqual(max * 2 ** -11);
    expect(errorOf("i8", "f32")).toBeLessThanOrEqual((max / 254) * 1.0001);
    expect(errorOf("i8", "f16")).toBeLessThanOrEqual((max / 254) * 1.001);
    expect([plainBytes("i8", 3, 3, "f16"), plainBytes("i8", 3, 3, "f32")]).toEqual([12 + 6, 12 + 12]);
  });
});

describe("scales of rows in f16", () => {
  const types = ["i8", "i6", "i5", "i4", "i3", "i2"] as const;

  it.each(types)("%s loses nothing by them, for they are rounded before the row is", (name) => {
    const [n, k] = [40, 160];
    const values = seededNormals(9, n * k, 0.05);
    values.fill(0, k, 2 * k);
    const noise = (scales: "f32" | "f16") =>
      storageTypes[name]
        .decode(storageTypes[name].encode(values, n, k, scales), n, k, scales)
        .reduce((sum, value, i) => sum + (value - (values[i] as number)) ** 2, 0);
    expect(noise("f16")).toBeLessThan(noise("f32") * 1.01);
    const bytes = storageTypes[name].encode(values, n, k, "f16");
    expect(bytes.length).toBe(storageTypes[name].bytes(n, k) - 48 * 2);
    const stored = storageTypes[name].decode(bytes, n, k, "f16");
    expect(stored.subarray(k, 2 * k).every((value) => value === 0)).toBe(true);
  });

  it.each(types)("%s keeps small rows, whose scales are subnormal halves, and shows rows that none reaches", (name) => {
    const row = seededNormals(4, 160, 1e-4);
    const stored = storageTypes[name].decode(storageTypes[name].encode(row, 1, 160, "f16"), 1, 160, "f16");
    const peak = Math.max(...row.map(Math.abs));
    expect(Math.max(...stored.map(Math.abs))).toBeGreaterThan(peak * 0.6);
    expect(Math.max(...stored.map(Math.abs))).toBeLessThan(peak * 1.4);
    const huge = row.map((value) => value * 1e12);
    const unreached = storageTypes[name].decode(storageTypes[name].encode(huge, 1, 160, "f16"), 1, 160, "f16");
    expect(unreached.every(Number.isFinite)).toBe(false);
  });
});

describe("a pack of slim vectors", { timeout: 120_000 }, () => {
  it("is smaller, says version 1.1, and without options is what it was", async () => {
    const [plain, slim] = [await packed({}), await packed(SLIMMEST)];
    expect(slim.bytes.length).toBeLessThan(plain.bytes.length);
    expect([plain.bytes[10], slim.bytes[10]]).toEqual([0, 1]);
    const { header } = readPack(slim.bytes, "slim.syn");
    const typeOf = (name: string) => header.tensors.filter(isConstant).find((tensor) => tensor.name === name);
    expect(typeOf("encoder.norm.weight")).toMatchObject({ type: "f16" });
    expect(typeOf("encoder.position")).toMatchObject({ type: "i8", scales: "f16" });
    expect(typeOf("encoder.layers.0.ffn.up.weight")).toMatchObject({ type: "i8", scales: "f16" });
    expect(slim.report.constantBytes).toBeLessThan(plain.report.constantBytes);
    const before = slim.bytes.slice();
    before[10] = 0;
    expect(codeOf(() => readPack(before, "before.syn"))).toBe("PACK_DIGEST");
  });

  it.each([
    ["i8", SLIMMEST],
    ["i4", { vectors: "f16", tables: "f16" }],
    ["i3", { tables: "i8" }],
    ["i8,encoder.*=f16,predictor.*=i6", { ...SLIMMEST, scales: "f32" }],
  ] as const)("%s gives the same bytes on all builds", async (types, slim) => {
    const { bytes } = await packed(slim, types);
    const builds: [() => Promise<Engine>, number][] = [
      [openNativeEngine, 1],
      [openNativeEngine, 3],
      [() => openWasmEngine("wasm"), 1],
      [() => openWasmEngine("wasm-baseline"), 1],
      ...(qemuMissing() === undefined
        ? [[() => openRv32Engine({ icount: false }), 1] as [() => Promise<Engine>, number]]
        : []),
    ];
    const found: string[][] = [];
    for (const [open, threads] of builds) {
      const engine = await open();
      found.push(await answers(engine, bytes, threads).finally(() => engine.close()));
    }
    for (const each of found) expect(each).toEqual(found[0]);
  });

  it("computes what its stored numbers say", async () => {
    const { bytes } = await packed(SLIMMEST, "f16");
    const engine = await openWasmEngine("wasm");
    const model = await engine.openModel(bytes);
    const session = await model.createSession();
    const [latents, actions] = [seededNormals(3, 3 * 32), seededNormals(4, 3 * 10)];
    const entry = model.info.entries.find(({ name }) => name === "predict");
    const inputs = (entry?.inputs ?? []).map((port) =>
      (port.kind === "action" ? actions : latents).slice(
        0,
        port.shape.reduce((product, size) => product * size, 1),
      ),
    );
    const outputs = await session.run(
      "predict",
      inputs.map((input) => new Uint8Array(input.slice().buffer)),
      3,
    );
    await engine.close();
    const expected = new Interpreter(readPack(bytes, "slim.syn")).run("predict", inputs, 3);
    const found = new Float32Array((outputs[0] as Uint8Array).slice().buffer);
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[0]?.[i] as number, 4);
    });
  });

  it("refuses numbers that a half cannot hold, and names the way out", async () => {
    const layer = { kind: "linear", out: 4, bias: true, weights: "w" };
    const one = {
      name: "one",
      entries: {
        run: {
          inputs: { x: { kind: "tensor", width: 40 } },
          steps: [{ part: "layer", x: "x", as: "y" }],
          outputs: { y: "tensor" },
        },
      },
      parts: { layer: { kind: "mlp", width: 40, layers: [layer] } },
    };
    const pack = (bias: number, weight: number, slim: Partial<SlimStorage>) =>
      compile({
        checkpoint: memoryCheckpoint({
          "w.weight": { shape: [4, 40], values: seededNormals(1, 160, weight) },
          "w.bias": { shape: [4], values: Float32Array.of(1, 2, bias, 4) },
        }),
        config: one,
        types: "i8",
        slim,
        fastBytes: 4096,
      });
    await expect(pack(65505, 1, { vectors: "f16" })).resolves.toBeDefined();
    await expect(pack(65520, 1, { vectors: "f16" })).rejects.toMatchObject({ code: "TYPE_RANGE" });
    await expect(pack(65520, 1, { vectors: "f16" })).rejects.toThrow(/layer\.0\.bias.*6\.55e\+4.*--vectors f32/s);
    await expect(pack(1, 1e9, { scales: "f16" })).rejects.toThrow(/scales of f16.*--scales f32/s);
    await expect(pack(65520, 1e9, {})).resolves.toBeDefined();
  });
});
