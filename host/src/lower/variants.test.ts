import { describe, expect, it } from "vitest";
import { compile } from "../compile/compile.js";
import { Interpreter } from "../pack/interpret.js";
import { readPack } from "../pack/readPack.js";
import { memoryCheckpoint } from "../testing/memoryCheckpoint.js";
import { seededNormals, seededRandom } from "../testing/seededRandom.js";

const WIDTH = 16;
const HIDDEN = 24;

type Tensors = Record<string, { shape: number[]; values: Float32Array }>;

let nextSeed = 1;
function tensor(shape: number[], deviation = 0.3, mean = 0): Tensors[string] {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, values: seededNormals(nextSeed++, count, deviation).map((value) => value + mean) };
}

/** Two layers with everything separate; tests below rewrite it into an equal model of another form. */
function baseTensors(): Tensors {
  nextSeed = 1;
  const tensors: Tensors = {
    cls: tensor([1, 1, WIDTH]),
    registers: tensor([1, 2, WIDTH]),
    position: tensor([1, 10, WIDTH]),
    "patch.weight": tensor([WIDTH, 3, 4, 4], 0.2),
    "patch.bias": tensor([WIDTH]),
    "norm.weight": tensor([WIDTH], 0.1, 1),
    "norm.bias": tensor([WIDTH], 0.1),
  };
  for (let i = 0; i < 2; i++) {
    for (const name of ["n1", "n2"]) {
      tensors[`${i}.${name}.weight`] = tensor([WIDTH], 0.1, 1);
      tensors[`${i}.${name}.bias`] = tensor([WIDTH], 0.1);
    }
    for (const [name, n, k] of [
      ["q", 16, WIDTH],
      ["k", 8, WIDTH],
      ["v", 8, WIDTH],
      ["o", WIDTH, 16],
      ["gate", HIDDEN, WIDTH],
      ["up", HIDDEN, WIDTH],
      ["down", WIDTH, HIDDEN],
    ] as const) {
      tensors[`${i}.${name}.weight`] = tensor([n, k]);
      tensors[`${i}.${name}.bias`] = tensor([n], 0.1);
    }
  }
  return tensors;
}

function baseConfig() {
  return {
    name: "variant",
    entries: {
      encode: {
        inputs: { image: { kind: "image" } },
        steps: [{ part: "encoder", x: "image", as: "tokens" }],
        outputs: { tokens: "tensor" },
      },
    },
    parts: {
      encoder: {
        kind: "transformer",
        width: WIDTH,
        layers: 2,
        embedding: {
          kind: "patches",
          image: [12, 12],
          patch: 4,
          classToken: true,
          registers: 2,
          mean: [0.4, 0.5, 0.6],
          std: [0.2, 0.3, 0.25],
        },
        position: "learned",
        norm: { kind: "layer_norm", eps: 1e-6 } as Record<string, unknown>,
        attention: { heads: 4, kvHeads: 2, headDim: 4, qkv: "separate", qkvBias: true, outBias: true } as Record<
          string,
          unknown
        >,
        ffn: { kind: "gated", hidden: HIDDEN, act: "silu", bias: true, fused: false } as Record<string, unknown>,
        finalNorm: { kind: "layer_norm", eps: 1e-6 } as Record<string, unknown>,
        select: "all",
        layerScale: false,
        weights: {
          patch: "patch",
          classToken: "cls",
          registers: "registers",
          position: "position",
          finalNorm: "norm",
          layer: {
            norm1: "{i}.n1",
            q: "{i}.q",
            k: "{i}.k",
            v: "{i}.v",
            out: "{i}.o",
            norm2: "{i}.n2",
            gate: "{i}.gate",
            up: "{i}.up",
            down: "{i}.down",
          } as Record<string, string>,
        },
      },
    },
  };
}

const random = seededRandom(77);
const pixels = Uint8Array.from({ length: 12 * 12 * 3 }, () => Math.floor((random() + 1) * 128));

async function runTokens(tensors: Tensors, config: unknown, fastBytes = 4096): Promise<Float32Array> {
  const { bytes } = await compile({ checkpoint: memoryCheckpoint(tensors), config, types: "f32", fastBytes });
  return new Interpreter(readPack(bytes, "variant.syn")).run("encode", [pixels], 1)[0] as Float32Array;
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(actual[i]).toBeCloseTo(expected[i] as number, 4);
}

function joined(tensors: Tensors, names: readonly string[]): Tensors[string] {
  const parts = names.map((name) => tensors[name] as Tensors[string]);
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] as number), 0);
  return {
    shape: [rows, ...(parts[0] as Tensors[string]).shape.slice(1)],
    values: Float32Array.from(parts.flatMap(({ values }) => [...values])),
  };
}

function drop(tensors: Tensors, ...names: string[]): void {
  for (const name of names) delete tensors[name];
}

describe("two forms of the same model give the same numbers", () => {
  it("query, key and value in one tensor, and gate and up in one tensor", async () => {
    const [tensors, config] = [baseTensors(), baseConfig()];
    const { encoder } = config.parts;
    encoder.attention.qkv = "fused";
    encoder.ffn.fused = true;
    const { norm1, out, norm2, down } = encoder.weights.layer as Record<string, string>;
    encoder.weights.layer = { norm1, qkv: "{i}.qkv", out, norm2, gateUp: "{i}.gateUp", down } as Record<string, string>;
    for (let i = 0; i < 2; i++) {
      for (const suffix of ["weight", "bias"]) {
        tensors[`${i}.qkv.${suffix}`] = joined(tensors, [`${i}.q.${suffix}`, `${i}.k.${suffix}`, `${i}.v.${suffix}`]);
        tensors[`${i}.gateUp.${suffix}`] = joined(tensors, [`${i}.gate.${suffix}`, `${i}.up.${suffix}`]);
        drop(tensors, ...["q", "k", "v", "gate", "up"].map((name) => `${i}.${name}.${suffix}`));
      }
    }
    expectClose(await runTokens(tensors, config), await runTokens(baseTensors(), baseConfig()));
  });

  it("grouped key and value heads, written out for every query head", async () => {
    const [tensors, config] = [baseTensors(), baseConfig()];
    delete config.parts.encoder.attention.kvHeads;
    for (let i = 0; i < 2; i++) {
      for (const name of [`${i}.k.weight`, `${i}.v.weight`, `${i}.k.bias`, `${i}.v.bias`]) {
        const { shape, values } = tensors[name] as Tensors[string];
        const head = values.length / 2;
        const [first, second] = [values.subarray(0, head), values.subarray(head)];
        tensors[name] = {
          shape: [16, ...shape.slice(1)],
          values: Float32Array.from([...first, ...first, ...second, ...second]),
        };
      }
    }
    expectClose(await runTokens(tensors, config), await runTokens(baseTensors(), baseConfig()));
  });

  it("layer scales, multiplied into the projections before them", async () => {
    const [scaled, config] = [baseTensors(), baseConfig()];
    config.parts.encoder.layerScale = true;
    Object.assign(config.parts.encoder.weights.layer, { layerScale1: "{i}.ls1", layerScale2: "{i}.ls2" });
    const folded = baseTensors();
    for (let i = 0; i < 2; i++) {
      for (const [scale, projection] of [
        ["ls1", "o"],
        ["ls2", "down"],
      ] as const) {
        const lambda = tensor([WIDTH], 0.2, 0.7);
        scaled[`${i}.${scale}`] = lambda;
        const weight = folded[`${i}.${projection}.weight`] as Tensors[string];
        const k = weight.shape[1] as number;
        weight.values = weight.values.map((value, at) => value * (lambda.values[Math.floor(at / k)] as number));
        const bias = folded[`${i}.${projection}.bias`] as Tensors[string];
        bias.values = bias.values.map((value, at) => value * (lambda.values[at] as number));
      }
    }
    expectClose(await runTokens(scaled, config), await runTokens(folded, baseConfig()));
  });

  it.each([
    ["class_token", 0, 1],
    ["patches", 3, 9],
  ])("select %s gives those rows of all, though fewer are computed", async (select, start, count) => {
    const config = baseConfig();
    config.parts.encoder.select = select as string;
    const all = await runTokens(baseTensors(), baseConfig());
    expectClose(
      await runTokens(baseTensors(), config),
      all.slice((start as number) * WIDTH, ((start as number) + (count as number)) * WIDTH),
    );
  });

  it("select with layer scales as gates and without a last norm", async () => {
    const [tensors, config] = [baseTensors(), baseConfig()];
    config.parts.encoder.finalNorm = { kind: "none" };
    config.parts.encoder.norm = { kind: "rms_norm", eps: 1e-5 };
    const weights = config.parts.encoder.weights as Record<string, unknown>;
    delete weights.finalNorm;
    drop(tensors, "norm.weight", "norm.bias", ...[0, 1].flatMap((i) => [`${i}.n1.bias`, `${i}.n2.bias`]));
    const all = await runTokens(tensors, config);
    config.parts.encoder.select = "patches";
    expectClose(await runTokens(tensors, config), all.slice(3 * WIDTH));
  });

  it.each([0, 1024, 1 << 20])("a fast region of %i bytes changes nothing", async (fastBytes) => {
    expectClose(
      await runTokens(baseTensors(), baseConfig(), fastBytes),
      await runTokens(baseTensors(), baseConfig(), 3000),
    );
  });

  it("registers take part: other registers, other tokens", async () => {
    const tensors = baseTensors();
    const { registers } = tensors as { registers: Tensors[string] };
    registers.values = registers.values.map((value) => -value);
    const [changed, original] = [await runTokens(tensors, baseConfig()), await runTokens(baseTensors(), baseConfig())];
    expect(Math.abs((changed[0] as number) - (original[0] as number))).toBeGreaterThan(1e-4);
  });
});
