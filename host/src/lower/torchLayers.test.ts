import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Checkpoint, type CheckpointTensor, openCheckpoint } from "../checkpoint/index.js";
import { compile } from "../compile/compile.js";
import { Interpreter } from "../pack/interpret.js";
import { readPack } from "../pack/readPack.js";

const FIXTURES = join(import.meta.dirname ?? __dirname, "fixtures");
const WIDTH = 16;
const ROWS = 5;

const norm = { kind: "layer_norm", eps: 1e-5 };

function config(part: Record<string, unknown>) {
  return {
    name: "layers",
    entries: {
      go: {
        rowsMax: ROWS,
        inputs: { x: { kind: "tensor", width: WIDTH } },
        steps: [{ part: "layers", x: "x", as: "y" }],
        outputs: { y: "tensor" },
      },
    },
    parts: {
      layers: {
        kind: "transformer",
        width: WIDTH,
        layers: 2,
        embedding: { kind: "rows" },
        position: "none",
        norm,
        finalNorm: { kind: "none" },
        select: "all",
        ...part,
      },
    },
    ignore: ["test.*", "wte.weight"],
  };
}

const TORCH_ENCODER = config({
  attention: { heads: 2, headDim: 8, qkv: "fused", qkvBias: true, outBias: true },
  ffn: { kind: "mlp", hidden: 32, act: "relu", bias: true },
  weights: {
    layer: {
      norm1: "layers.{i}.norm1",
      qkv: { weight: "layers.{i}.self_attn.in_proj_weight", bias: "layers.{i}.self_attn.in_proj_bias" },
      out: "layers.{i}.self_attn.out_proj",
      norm2: "layers.{i}.norm2",
      up: "layers.{i}.linear1",
      down: "layers.{i}.linear2",
    },
  },
});

const conv1d = (module: string) => ({
  weight: `h.{i}.${module}.weight`,
  bias: `h.{i}.${module}.bias`,
  transposed: true,
});
const GPT2 = config({
  position: "learned",
  attention: { heads: 2, headDim: 8, causal: true, qkv: "fused", qkvBias: true, outBias: true },
  ffn: { kind: "mlp", hidden: 64, act: "gelu_tanh", bias: true },
  finalNorm: norm,
  weights: {
    position: "wpe.weight",
    finalNorm: "ln_f",
    layer: {
      norm1: "h.{i}.ln_1",
      qkv: conv1d("attn.c_attn"),
      out: conv1d("attn.c_proj"),
      norm2: "h.{i}.ln_2",
      up: conv1d("mlp.c_fc"),
      down: conv1d("mlp.c_proj"),
    },
  },
});

describe.each([
  ["torch-encoder", "nn.TransformerEncoder, with in_proj_weight", TORCH_ENCODER],
  ["gpt2", "GPT-2, with Conv1D", GPT2],
] as const)("%s", (file, what, layers) => {
  let checkpoint: Checkpoint;
  beforeAll(async () => {
    checkpoint = await openCheckpoint(join(FIXTURES, `${file}.safetensors`));
  });
  afterAll(() => checkpoint.close());

  test(`${what} gives what PyTorch gives`, async () => {
    const { bytes } = await compile({ checkpoint, config: layers, types: "f32", fastBytes: 1 << 16 });
    const values = async (name: string) => (await checkpoint.tensors.get(name)?.readF32()) as Float32Array;
    const x = await values("test.x");
    const [y] = new Interpreter(readPack(bytes, file)).run("go", [x], ROWS) as [Float32Array];
    const expected = await values("test.y");
    const error = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - (y[i] as number))), 0);
    expect(error).toBeLessThan(1e-4);
    expect(Math.max(...expected)).toBeGreaterThan(0.5);
  });
});

test("what such a name lacks is said with the name", async () => {
  const checkpoint = await openCheckpoint(join(FIXTURES, "torch-encoder.safetensors"));
  const without = structuredClone(TORCH_ENCODER) as ReturnType<typeof config>;
  const weights = (without.parts.layers as unknown as { weights: { layer: Record<string, unknown> } }).weights;
  weights.layer.qkv = { weight: "layers.{i}.self_attn.in_proj_weight" };
  const pack = (of: unknown) => compile({ checkpoint, config: of, types: "f32", fastBytes: 1 << 16 });
  await expect(pack(without)).rejects.toMatchObject({
    code: "CONFIG_WEIGHTS",
    where: "parts.layers.weights.layer.qkv.bias",
  });
  weights.layer.qkv = { weight: "in_proj_weight", bias: "in_proj_bias" };
  await expect(pack(without)).rejects.toMatchObject({ code: "CONFIG_SCHEMA", message: expect.stringContaining("{i}") });
  weights.layer.qkv = {
    weight: "layers.{i}.self_attn.in_proj_weight",
    bias: "layers.{i}.self_attn.in_proj_bias",
    transposed: true,
  };
  await expect(pack(without)).rejects.toMatchObject({ code: "WEIGHT_SHAPE", expected: "[16, 48]" });
  await checkpoint.close();
});

test("a value that f32 cannot hold is named as it is stored, in a weight that is read turned", async () => {
  const checkpoint = await openCheckpoint(join(FIXTURES, "gpt2.safetensors"));
  const name = "h.0.mlp.c_fc.weight";
  const tensor = checkpoint.tensors.get(name) as CheckpointTensor;
  const values = Float64Array.from(await tensor.readF32());
  // Row 3 and column 5 of what is stored as [16, 64].
  values[3 * 64 + 5] = -1e300;
  const wide = {
    ...tensor,
    dtype: "F64",
    read: async () => new Uint8Array(values.slice().buffer),
    readF32: async () => Float32Array.from(values),
  };
  const changed = { ...checkpoint, tensors: new Map([...checkpoint.tensors, [name, wide]]) };
  await expect(compile({ checkpoint: changed, config: GPT2, types: "f32", fastBytes: 1 << 16 })).rejects.toMatchObject({
    code: "WEIGHT_NOT_FINITE",
    where: `tensor "${name}", element ${3 * 64 + 5}`,
    message: expect.stringContaining("the value is -1e+300, which f32 cannot hold"),
    expected: "numbers of at most 3.4e38 in magnitude",
  });
  await checkpoint.close();
});
