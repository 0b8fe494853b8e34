import type { Checkpoint } from "../checkpoint/index.js";
import { atomicWrite } from "../files/atomicWrite.js";
import type { LewmDimensions } from "./lewmShapes.js";
import { type LinearWeights, OnnxBuilder, type OnnxLinearType } from "./onnxBuilder.js";

const ENCODER_EPSILON = 1e-12;
const BATCH_NORM_EPSILON = 1e-5;

/**
 * LeWM's encoder and projector as an ONNX model, for comparison with other runtimes.
 * Input `pixels` f32 `[1, 3, image, image]`, normalised; outputs `class_token` and `latent`, f32 `[1, width]`.
 * BatchNorm is folded. The checkpoint's keys are those of the published LeWM. Throws a RangeError when one is missing.
 */
export async function lewmEncoderOnnx(
  checkpoint: Checkpoint,
  dimensions: LewmDimensions,
  linearType: OnnxLinearType,
): Promise<Uint8Array> {
  const graph = new OnnxBuilder(linearType);
  const read = (name: string): Promise<Float32Array> => readTensor(checkpoint, name);
  const linear = async (name: string): Promise<LinearWeights> => ({
    weight: await read(`${name}.weight`),
    bias: await read(`${name}.bias`),
  });
  const layerNorm = async (name: string, x: string): Promise<string> =>
    graph.layerNorm(name, x, await read(`${name}.weight`), await read(`${name}.bias`), ENCODER_EPSILON);

  const { image, width, encoderLayers } = dimensions;
  let x = await addEmbeddings(graph, dimensions, read, linear);
  for (let i = 0; i < encoderLayers; i++) {
    const layer = `encoder.encoder.layer.${i}`;
    const normed = await layerNorm(`${layer}.layernorm_before`, x);
    const mixed = await addAttention(graph, dimensions, `${layer}.attention`, normed, linear);
    x = graph.node("Add", `${layer}.attention.residual`, [mixed, x]);
    const hidden = graph.linear(
      `${layer}.intermediate`,
      await layerNorm(`${layer}.layernorm_after`, x),
      await linear(`${layer}.intermediate.dense`),
    );
    const output = graph.linear(
      `${layer}.output`,
      graph.node("Gelu", `${layer}.gelu`, [hidden]),
      await linear(`${layer}.output.dense`),
    );
    x = graph.node("Add", `${layer}.residual`, [output, x]);
  }
  const tokens = await layerNorm("encoder.layernorm", x);
  const first = graph.constant("first", "int64", [], BigInt64Array.of(0n));
  graph.node("Gather", "class_token", [tokens, first], { axis: 1 });
  const projected = graph.linear("projector.0", "class_token", await foldedBatchNorm("projector", read));
  graph.linear("latent", graph.node("Gelu", "projector.gelu", [projected]), await linear("projector.net.3"));

  return graph.build(
    "lewm_encoder",
    [{ name: "pixels", type: "float", shape: [1, 3, image, image] }],
    ["class_token", "latent"].map((name) => ({ name, type: "float", shape: [1, width] })),
  );
}

/** Writes `lewmEncoderOnnx` to a file, which appears complete or not at all. */
export async function writeLewmEncoderOnnx(
  path: string,
  checkpoint: Checkpoint,
  dimensions: LewmDimensions,
  linearType: OnnxLinearType,
): Promise<void> {
  await atomicWrite(path, await lewmEncoderOnnx(checkpoint, dimensions, linearType));
}

type Read = (name: string) => Promise<Float32Array>;
type ReadLinear = (name: string) => Promise<LinearWeights>;

async function readTensor(checkpoint: Checkpoint, name: string): Promise<Float32Array> {
  const tensor = checkpoint.tensors.get(name);
  if (tensor === undefined) throw new RangeError(`${checkpoint.path} has no tensor '${name}'`);
  return tensor.readF32();
}

/** Cuts the image in patches, so that the convolution is one linear layer over columns ordered (channel, y, x). */
async function addEmbeddings(
  graph: OnnxBuilder,
  dimensions: LewmDimensions,
  read: Read,
  linear: ReadLinear,
): Promise<string> {
  const { image, patch, width } = dimensions;
  const side = image / patch;
  const split = graph.reshape("patches.split", "pixels", [1, 3, side, patch, side, patch]);
  const ordered = graph.transpose("patches.ordered", split, [0, 2, 4, 1, 3, 5]);
  const patches = graph.reshape("patches", ordered, [1, side * side, 3 * patch * patch]);
  const embedded = graph.linear(
    "patches.embedded",
    patches,
    await linear("encoder.embeddings.patch_embeddings.projection"),
  );
  const classToken = graph.floats("cls_token", [1, 1, width], await read("encoder.embeddings.cls_token"));
  const positions = graph.floats(
    "position_embeddings",
    [1, side * side + 1, width],
    await read("encoder.embeddings.position_embeddings"),
  );
  return graph.node("Add", "embeddings", [
    graph.node("Concat", "tokens", [classToken, embedded], { axis: 1 }),
    positions,
  ]);
}

async function addAttention(
  graph: OnnxBuilder,
  dimensions: LewmDimensions,
  name: string,
  x: string,
  linear: ReadLinear,
): Promise<string> {
  const { image, patch, width, encoderHeads } = dimensions;
  const tokens = (image / patch) ** 2 + 1;
  const dim = width / encoderHeads;
  const heads = async (part: string, perm: readonly number[]): Promise<string> => {
    const flat = graph.linear(`${name}.${part}`, x, await linear(`${name}.attention.${part}`));
    return graph.transpose(
      `${name}.${part}.heads`,
      graph.reshape(`${name}.${part}.split`, flat, [1, tokens, encoderHeads, dim]),
      perm,
    );
  };
  const query = await heads("query", [0, 2, 1, 3]);
  const keyTransposed = await heads("key", [0, 2, 3, 1]);
  const value = await heads("value", [0, 2, 1, 3]);
  const scale = graph.floats(`${name}.scale`, [], Float32Array.of(1 / Math.sqrt(dim)));
  const scores = graph.node("Mul", `${name}.scores`, [
    graph.node("MatMul", `${name}.dots`, [query, keyTransposed]),
    scale,
  ]);
  const mixed = graph.node("MatMul", `${name}.mixed`, [
    graph.node("Softmax", `${name}.softmax`, [scores], { axis: 3 }),
    value,
  ]);
  const joined = graph.reshape(`${name}.joined`, graph.transpose(`${name}.mixed.tokens`, mixed, [0, 2, 1, 3]), [
    1,
    tokens,
    width,
  ]);
  return graph.linear(`${name}.output`, joined, await linear(`${name}.output.dense`));
}

/** `net.0` with BatchNorm `net.1` folded in: s = gamma / sqrt(variance + eps), W' = s W, b' = s (b - mean) + beta. */
async function foldedBatchNorm(name: string, read: Read): Promise<LinearWeights> {
  const [weight, bias, gamma, beta, mean, variance] = (await Promise.all(
    ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"].map((key) =>
      read(`${name}.net.${key}`),
    ),
  )) as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
  const inputs = weight.length / bias.length;
  const at = (values: Float32Array, n: number): number => values[n] as number;
  const scale = (n: number): number => at(gamma, n) / Math.sqrt(at(variance, n) + BATCH_NORM_EPSILON);
  return {
    weight: weight.map((value, i) => value * scale(Math.floor(i / inputs))),
    bias: bias.map((value, n) => scale(n) * (value - at(mean, n)) + at(beta, n)),
  };
}
