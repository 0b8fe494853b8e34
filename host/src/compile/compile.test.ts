import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { openWasmEngine } from "synapse-engine";
import { describe, expect, it } from "vitest";
import { toF32 } from "../checkpoint/toF32.js";
import { type GoldenHeader, isConstant } from "../format/header.js";
import { storageTypeNames } from "../format/types.js";
import { addGolden } from "../pack/golden.js";
import { Interpreter } from "../pack/interpret.js";
import { readPack } from "../pack/readPack.js";
import { writePack } from "../pack/writePack.js";
import { LEWM_SMALL } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import { signPack } from "../sign/signPack.js";
import { LewmForward } from "../testing/lewmForward.js";
import { memoryCheckpoint } from "../testing/memoryCheckpoint.js";
import { seededNormals, seededRandom } from "../testing/seededRandom.js";
import { compile, fidelity } from "./compile.js";

const config = JSON.parse(readFileSync(new URL("../../../configs/lewm-test.json", import.meta.url), "utf8"));
const checkpoint = seededCheckpoint(LEWM_SMALL, 11);
const pixels = (() => {
  const random = seededRandom(5);
  return Uint8Array.from({ length: 28 * 28 * 3 }, () => Math.floor((random() + 1) * 128));
})();
const latents = Array.from({ length: 3 }, (_, t) => Array.from(seededNormals(20 + t, 32)));
const actions = Array.from({ length: 3 }, (_, t) => Array.from(seededNormals(40 + t, 10)));

const pack = async (types: string, extra: object = {}, fastBytes = 8192) =>
  readPack((await compile({ checkpoint, config, types, fastBytes, ...extra })).bytes, "test.syn");
const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((max, value, i) => Math.max(max, Math.abs(value - (b[i] as number))), 0);

describe("a packed LeWM computes what LeWM is defined as", () => {
  it("encode: image to latent", async () => {
    const oracle = await LewmForward.load(checkpoint, LEWM_SMALL);
    const [latent] = new Interpreter(await pack("f32")).run("encode", [pixels], 1);
    expect(largest(latent as Float32Array, oracle.encode(pixels))).toBeLessThan(1e-4);
  });

  it.each([1, 2, 3])("predict from %i frames", async (frames) => {
    const oracle = await LewmForward.load(checkpoint, LEWM_SMALL);
    const [x, a] = [latents.slice(0, frames), actions.slice(0, frames)];
    const [prediction] = new Interpreter(await pack("f32")).run("predict", [x.flat(), a.flat()], frames);
    expect(largest(prediction as Float32Array, oracle.predict(x, a).flat())).toBeLessThan(1e-4);
  });

  it("standardises raw actions with the statistics it is given, and carries them", async () => {
    const oracle = await LewmForward.load(checkpoint, LEWM_SMALL);
    const action = { mean: [0.3, -2], std: [0.5, 4] };
    const opened = await pack("f32", { statistics: { action } });
    const standardised = actions.map((row) =>
      row.map((value, i) => (value - (action.mean[i % 2] as number)) / (action.std[i % 2] as number)),
    );
    const [prediction] = new Interpreter(opened).run("predict", [latents.flat(), actions.flat()], 3);
    expect(largest(prediction as Float32Array, oracle.predict(latents, standardised).flat())).toBeLessThan(1e-4);
    expect(opened.header.meta).toMatchObject({ statistics: { action } });
  });

  it("gives inner values to whoever asks for them as outputs", async () => {
    const oracle = await LewmForward.load(checkpoint, LEWM_SMALL);
    const exposed = structuredClone(config);
    exposed.entries.encode.outputs.class_token = "tensor";
    exposed.entries.predict.outputs.action_embedding = "tensor";
    const interpreter = new Interpreter(await pack("f32", { config: exposed }));
    const [latent, token] = interpreter.run("encode", [pixels], 1);
    expect(largest(token as Float32Array, oracle.classToken(pixels))).toBeLessThan(1e-4);
    expect(largest(latent as Float32Array, oracle.encode(pixels))).toBeLessThan(1e-4);
    const [, embedding] = interpreter.run("predict", [latents.flat(), actions.flat()], 3);
    expect(largest(embedding as Float32Array, oracle.actionEmbedding(actions).flat())).toBeLessThan(1e-4);
  });

  it.each([
    ["f16", 0.99999],
    ["i8", 0.999],
    ["q8_0", 0.999],
    ["q4_0", 0.97],
    ["i4", 0.97],
    ["i3", 0.85],
  ] as const)("type %s keeps the latent's direction", async (types, cosine) => {
    const oracle = await LewmForward.load(checkpoint, LEWM_SMALL);
    const [latent] = new Interpreter(await pack(types)).run("encode", [pixels], 1);
    expect(fidelity(Float32Array.from(oracle.encode(pixels)), latent as Float32Array).cosine).toBeGreaterThan(cosine);
  });
});

describe("compile", () => {
  it.each(storageTypeNames)("the same input gives the same bytes (%s)", async (types) => {
    const first = await compile({ checkpoint, config, types, fastBytes: 8192 });
    const second = await compile({ checkpoint, config, types, fastBytes: 8192 });
    expect(Buffer.compare(first.bytes, second.bytes)).toBe(0);
  });

  it("is exact unless every linear layer is f32, and computes attention as its projections are stored", async () => {
    const attention = (opened: Awaited<ReturnType<typeof pack>>) =>
      new Set(
        opened.header.entries.flatMap(({ ops }) => ops.flatMap((op) => (op.op === "attention" ? [op.compute] : []))),
      );
    const reference = await pack("f32");
    expect(reference.header.numeric).toBe("reference");
    expect([...attention(reference)]).toEqual(["f32"]);
    const exact = await pack("i8");
    expect(exact.header.numeric).toBe("exact");
    expect([...attention(exact)]).toEqual(["i8"]);
    const mixed = await pack("f32,predictor.*=i8", { attentionCompute: "f32" });
    expect(mixed.header.numeric).toBe("exact");
    expect([...attention(mixed)]).toEqual(["f32"]);
  });

  it("reports every tensor with its type, its size and what rounding cost", async () => {
    const { report, bytes } = await compile({ checkpoint, config, types: "i4", fastBytes: 8192 });
    expect(report.fileBytes).toBe(bytes.length);
    expect(report.constantBytes).toBe(report.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0));
    const patch = report.tensors.find(({ name }) => name === "encoder.patch.weight");
    expect(patch).toMatchObject({ type: "i8", linear: true, shape: [32, 147] });
    expect(patch?.fallback).toContain("no multiple of 32");
    const actionWeight = report.tensors.find(({ name }) => name === "action_encoder.1.weight");
    expect(actionWeight).toMatchObject({ type: "f32", snrDb: Number.POSITIVE_INFINITY });
    const qkv = report.tensors.find(({ name }) => name === "encoder.layers.0.attention.qkv.weight");
    expect(qkv?.type).toBe("i4");
    expect(qkv?.snrDb).toBeGreaterThan(15);
    expect(qkv?.sources).toContain("encoder.encoder.layer.0.attention.attention.query.weight");
  });

  it("counts its progress up to the number of constants", async () => {
    const seen: number[] = [];
    const { report } = await compile({
      checkpoint,
      config,
      fastBytes: 8192,
      onProgress: ({ done }) => seen.push(done),
    });
    expect(seen).toEqual(Array.from({ length: report.tensors.length + 1 }, (_, i) => i));
  });

  it("reads the encoder under its other spelling into the very same weights", async () => {
    const renamed = new Map(
      [...checkpoint.tensors].map(([name, tensor]) => {
        const other = name
          .replace(".encoder.layer.", ".layers.")
          .replace("attention.attention.query", "attention.q_proj")
          .replace("attention.attention.key", "attention.k_proj")
          .replace("attention.attention.value", "attention.v_proj")
          .replace("attention.output.dense", "attention.o_proj")
          .replace("intermediate.dense", "mlp.fc1")
          .replace(/(layers\.\d+)\.output\.dense/, "$1.mlp.fc2");
        return [other, tensor] as const;
      }),
    );
    expect([...renamed.keys()].filter((name) => !checkpoint.tensors.has(name)).length).toBe(2 * 16);
    const first = await compile({ checkpoint, config, types: "i8", fastBytes: 8192 });
    const second = await compile({
      checkpoint: { path: "renamed", tensors: renamed },
      config,
      types: "i8",
      fastBytes: 8192,
    });
    expect(Buffer.compare(first.bytes, second.bytes)).toBe(0);
  });

  it("takes GGUF blocks over as they are where the same type is asked for, also for stacked tensors", async () => {
    const blocks = new Map(checkpoint.tensors);
    for (const part of ["query", "key", "value"]) {
      const name = `encoder.encoder.layer.0.attention.attention.${part}.weight`;
      // Scales of 2^-6 and numbers counting up: nothing that an encoder would choose by itself.
      const rows = Uint8Array.from({ length: 32 * 34 }, (_, i) =>
        i % 34 === 0 ? 0 : i % 34 === 1 ? 0x24 : (i * 7) & 63,
      );
      const values = Float32Array.from(
        { length: 1024 },
        (_, i) => (rows[Math.floor(i / 32) * 34 + 2 + (i % 32)] as number) / 64,
      );
      blocks.set(name, {
        name,
        dtype: "Q8_0",
        shape: [32, 32],
        bytes: rows.length,
        read: async () => rows,
        readF32: async () => values,
      });
    }
    const { report, bytes } = await compile({
      checkpoint: { path: "blocks.gguf", tensors: blocks },
      config,
      types: "q8_0",
      fastBytes: 8192,
    });
    const name = "encoder.layers.0.attention.qkv.weight";
    expect(report.tensors.find((tensor) => tensor.name === name)).toMatchObject({
      repacked: true,
      snrDb: Number.POSITIVE_INFINITY,
    });
    expect(report.tensors.filter(({ repacked }) => repacked).length).toBe(1);
    const opened = readPack(bytes, "test.syn");
    const decoded = opened.decode(opened.header.tensors.findIndex((tensor) => tensor.name === name));
    expect(decoded.length).toBe(96 * 32);
    expect(decoded[33]).toBe((((34 + 3) * 7) & 63) / 64);
  });

  it("keeps a wide input apart from its mean, though the layer that standardises it is to be int8", async () => {
    const [width, out, mean] = [40, 8, 300];
    const wide = {
      name: "wide",
      entries: {
        run: {
          inputs: { x: { kind: "action", width } },
          steps: [{ part: "mlp", x: "x", as: "y" }],
          outputs: { y: "tensor" },
        },
      },
      parts: {
        mlp: {
          kind: "mlp",
          width,
          layers: [
            { kind: "standardize", statistics: "action" },
            { kind: "linear", out, bias: false, weights: "w" },
          ],
        },
      },
      statistics: { action: { mean: [mean], std: [1] } },
    };
    const w = seededNormals(8, out * width);
    const x = seededNormals(9, width);
    const one = memoryCheckpoint({ "w.weight": { shape: [out, width], values: w } });
    const { bytes, report } = await compile({ checkpoint: one, config: wide, types: "i8", fastBytes: 8192 });
    expect(report.tensors[0]?.fallback).toContain("standardised in the layer");
    const engine = await openWasmEngine();
    try {
      const model = await engine.openModel(bytes);
      const session = await model.createSession();
      const [output] = await session.run("run", [new Uint8Array(x.map((value) => value + mean).buffer)], 1);
      await session.close().then(() => model.close());
      const expected = Array.from({ length: out }, (_, n) =>
        x.reduce((sum, value, k) => sum + value * (w[n * width + k] as number), 0),
      );
      expect(largest(new Float32Array((output as Uint8Array).slice().buffer), expected)).toBeLessThan(0.01);
    } finally {
      await engine.close();
    }
  });

  it("takes each half of a fused tensor's blocks over where two layers are made of it", async () => {
    const [width, hidden] = [32, 48];
    const keys = { q: "{i}.q", k: "{i}.k", v: "{i}.v", out: "{i}.o", gateUp: "{i}.gu", down: "{i}.d" };
    const gated = {
      name: "gated",
      entries: {
        run: {
          inputs: { x: { kind: "tensor", width } },
          steps: [{ part: "p", x: "x", as: "y" }],
          outputs: { y: "tensor" },
        },
      },
      parts: {
        p: {
          kind: "transformer",
          width,
          layers: 1,
          embedding: { kind: "rows" },
          position: "none",
          norm: { kind: "none" },
          finalNorm: { kind: "none" },
          attention: { heads: 2, headDim: 16, qkv: "separate", qkvBias: false, outBias: false },
          ffn: { kind: "gated", hidden, act: "silu", bias: false, fused: true },
          weights: { layer: keys },
        },
      },
    };
    const plain = { values: seededNormals(3, width * width), shape: [width, width] };
    const { path, tensors } = memoryCheckpoint({
      ...Object.fromEntries(["q", "k", "v", "o"].map((name) => [`0.${name}.weight`, plain])),
      "0.d.weight": { values: seededNormals(4, width * hidden), shape: [width, hidden] },
    });
    const blocks = Uint8Array.from({ length: 2 * hidden * 34 }, (_, i) =>
      i % 34 === 0 ? 0 : i % 34 === 1 ? 0x24 : (i * 7) & 63,
    );
    const values = toF32("Q8_0", blocks.slice(), path, "0.gu.weight");
    const fused = { dtype: "Q8_0", shape: [2 * hidden, width], bytes: blocks.length, read: async () => blocks.slice() };
    const all = new Map(tensors).set("0.gu.weight", {
      name: "0.gu.weight",
      ...fused,
      readF32: async () => values.slice(),
    });
    const { bytes } = await compile({
      checkpoint: { path, tensors: all },
      config: gated,
      types: "f32,*gu.weight=q8_0",
      fastBytes: 8192,
    });
    const opened = readPack(bytes, "gated.syn");
    const decoded = (name: string) =>
      opened.decode(opened.header.tensors.findIndex((tensor) => tensor.name === `p.layers.0.ffn.${name}.weight`));
    expect(decoded("gate")).toEqual(values.slice(0, hidden * width));
    expect(decoded("up")).toEqual(values.slice(hidden * width));
  });

  it("gives a layer more scratch than the largest dimension has elements", async () => {
    const [width, rowsMax] = [4112, 4096];
    const large = {
      name: "wide",
      entries: {
        run: {
          rowsMax,
          inputs: { x: { kind: "tensor", width } },
          steps: [{ part: "mlp", x: "x", as: "y" }],
          outputs: { y: "tensor" },
        },
      },
      parts: { mlp: { kind: "mlp", width, layers: [{ kind: "linear", out: 1, bias: false, weights: "w" }] } },
    };
    const values = new Float32Array(width).fill(0.5);
    const one = memoryCheckpoint({ "w.weight": { shape: [1, width], values } });
    const { bytes } = await compile({ checkpoint: one, config: large, types: "i8", fastBytes: 0 });
    const engine = await openWasmEngine();
    try {
      const model = await engine.openModel(bytes);
      const session = await model.createSession();
      const [output] = await session.run(
        "run",
        [new Uint8Array(new Float32Array(width * rowsMax).fill(1).buffer)],
        rowsMax,
      );
      const sums = new Float32Array((output as Uint8Array).slice().buffer);
      await session.close().then(() => model.close());
      expect(sums.every((sum) => Math.abs(sum - width / 2) < 1)).toBe(true);
    } finally {
      await engine.close();
    }
  });

  it("refuses what the header has no room for before it reads a weight", async () => {
    const unread = new Map(
      [...checkpoint.tensors].map(([name, tensor]) => [
        name,
        { ...tensor, readF32: () => Promise.reject(new Error("was read")) },
      ]),
    );
    const named = compile({
      checkpoint: { path: "unread", tensors: unread },
      config,
      fastBytes: 8192,
      name: "x".repeat(64),
    });
    await expect(named).rejects.toMatchObject({ code: "PACK_HEADER", where: "name" });
  });

  it("refuses a name or meta that the format has no room for", async () => {
    const long = compile({ checkpoint, config, fastBytes: 8192, name: "x".repeat(64) });
    await expect(long).rejects.toMatchObject({ code: "PACK_HEADER", where: "name" });
    const deep = Array.from({ length: 20 }).reduce<object>((inner) => ({ inner }), {});
    await expect(compile({ checkpoint, config, fastBytes: 8192, meta: { deep } })).rejects.toMatchObject({
      code: "PACK_CBOR",
    });
  });

  it("refuses weights that are not finite, and says which", async () => {
    const name = "encoder.encoder.layer.1.output.dense.weight";
    const good = checkpoint.tensors.get(name);
    const broken = new Map(checkpoint.tensors);
    if (good === undefined) throw new Error("no such tensor");
    broken.set(name, { ...good, readF32: async () => (await good.readF32()).fill(Number.NaN, 7, 8) });
    await expect(
      compile({ checkpoint: { path: "broken.pt", tensors: broken }, config, fastBytes: 8192 }),
    ).rejects.toMatchObject({
      code: "WEIGHT_NOT_FINITE",
      source: "broken.pt",
      where: `tensor "${name}", element 7`,
    });
  });
});

describe("self-test vectors", () => {
  it("are computed by an engine, accepted by it, and refused when the pack computes something else", async () => {
    const engine = await openWasmEngine();
    try {
      const { bytes } = await compile({ checkpoint, config, types: "i8", fastBytes: 8192 });
      const golden = await addGolden(bytes, engine);
      const { header } = readPack(golden, "test.syn");
      expect(header.golden?.map(({ entry, rows }) => [entry, rows])).toEqual([
        ["encode", 1],
        ["predict", 3],
      ]);
      const selfTest = async (file: Uint8Array) => {
        const model = await engine.openModel(file);
        const session = await model.createSession();
        await session.selfTest().finally(() => session.close().then(() => model.close()));
      };
      await selfTest(golden);
      expect(Buffer.compare(await addGolden(golden, engine), golden)).toBe(0);

      const [first, ...others] = header.golden ?? [];
      const wrong = { ...first, seed: 99 } as GoldenHeader;
      await expect(selfTest(repackHeader(golden, [wrong, ...others]))).rejects.toMatchObject({ code: "GOLDEN" });
    } finally {
      await engine.close();
    }
  });

  it("are computed anew for a signed pack, whose signature is left behind", async () => {
    const engine = await openWasmEngine();
    try {
      const { bytes } = await compile({ checkpoint, config, types: "i8", fastBytes: 8192 });
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
      const golden = await addGolden(bytes, engine);
      expect(Buffer.compare(await addGolden(signPack(bytes, privateKey, "test.syn"), engine), golden)).toBe(0);
    } finally {
      await engine.close();
    }
  });

  it.each(["i8", "f32"])("are refused for a model whose results are not finite (%s)", async (types) => {
    const engine = await openWasmEngine();
    try {
      const name = "projector.net.3.weight";
      const good = checkpoint.tensors.get(name);
      if (good === undefined) throw new Error("no such tensor");
      const readF32 = async () => (await good.readF32()).fill(3e38);
      const tensors = new Map(checkpoint.tensors).set(name, { ...good, readF32 });
      const { bytes } = await compile({ checkpoint: { path: "huge.pt", tensors }, config, types, fastBytes: 8192 });
      await expect(addGolden(bytes, engine)).rejects.toMatchObject({
        code: "GOLDEN_NOT_FINITE",
        where: "entry encode, output latent",
      });
    } finally {
      await engine.close();
    }
  });

  it("are left out of packs that promise no equal bytes", async () => {
    const engine = await openWasmEngine();
    try {
      const { bytes } = await compile({ checkpoint, config, types: "f32", fastBytes: 8192 });
      expect(await addGolden(bytes, engine)).toBe(bytes);
    } finally {
      await engine.close();
    }
  });
});

function repackHeader(file: Uint8Array, golden: GoldenHeader[]): Uint8Array {
  const { header, blobsOffset } = readPack(file, "test.syn");
  const tensors = header.tensors.map((tensor) =>
    isConstant(tensor) ? { ...tensor, offset: tensor.offset - blobsOffset } : tensor,
  );
  return writePack({ ...header, tensors, golden }, [{ offset: 0, bytes: file.subarray(blobsOffset) }]);
}
