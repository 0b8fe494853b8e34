import type { FfnConfig, TransformerConfig } from "../config/configSchema.js";
import type { Activation, Constant, Tensor } from "../program/program.js";
import { type Lowering, lowerNorm, stackedVector } from "./lowering.js";
import { type PartWeights, type RowSlice, stackedWeight, wholeTensor } from "./partWeights.js";

export interface RowRange {
  readonly start: number;
  readonly count: number;
}

/** Shift, scale and gate of one half of a block. */
interface Modulation {
  readonly shift?: Tensor;
  readonly scale?: Tensor;
  readonly gate?: Tensor;
}

/** A projection's weight and bias, before it is known which rows of it become one linear op. */
interface Projection {
  readonly weight: RowSlice;
  readonly bias: RowSlice | undefined;
}

/** Lowers one pre-norm block; with `keep` only those rows leave it. */
export function lowerBlock(
  lowering: Lowering,
  name: string,
  config: TransformerConfig,
  weights: PartWeights,
  x: Activation,
  condition: Activation | undefined,
  keep: RowRange | undefined,
): Activation {
  const { builder } = lowering;
  const [first, second] = lowerModulation(lowering, name, config, weights, condition);
  const kept = <T extends Tensor | undefined>(tensor: T): T =>
    (keep === undefined || tensor === undefined || tensor.kind === "constant" || tensor.shape[0] === 1
      ? tensor
      : builder.rows(tensor, keep.start, keep.count)) as T;

  const u = lowerPreNorm(lowering, `${name}.norm1`, config, weights, "norm1", first, x);
  const attended = lowerAttention(lowering, name, config, weights, u, keep);
  const { heads, headDim, outBias } = config.attention;
  const out = projection(weights, "out", config.width, heads * headDim, outBias);
  const middle = linear(lowering, `${name}.attention.out`, attended, [out], {
    gate: kept(first.gate),
    residual: kept(x),
  });

  const halfway: Modulation = {
    ...second,
    ...(second.shift === undefined ? {} : { shift: kept(second.shift), scale: kept(second.scale as Tensor) }),
  };
  const v = lowerPreNorm(lowering, `${name}.norm2`, config, weights, "norm2", halfway, middle);
  return lowerFfn(lowering, name, config, weights, v, middle, kept(second.gate));
}

/** The six chunks of adaLN-zero (shift, scale, gate for each half), or the layer scales as gates, or nothing. */
function lowerModulation(
  lowering: Lowering,
  name: string,
  config: TransformerConfig,
  weights: PartWeights,
  condition: Activation | undefined,
): [Modulation, Modulation] {
  const { width } = config;
  if (config.layerScale) {
    const gate = (key: string) =>
      stackedVector(lowering, `${name}.${key}`, [wholeTensor(weights.find(key, "", [width]))]);
    return [{ gate: gate("layerScale1") }, { gate: gate("layerScale2") }];
  }
  if (config.conditioning === undefined || condition === undefined) return [{}, {}];
  const modulation = projection(weights, "modulation", 6 * width, config.conditioning.width, config.conditioning.bias);
  const chunks = linear(lowering, `${name}.adaLN`, condition, [modulation]);
  const half = (chunk: number): Modulation => ({
    shift: lowering.builder.columns(chunks, chunk * width, width),
    scale: lowering.builder.columns(chunks, (chunk + 1) * width, width),
    gate: lowering.builder.columns(chunks, (chunk + 2) * width, width),
  });
  return [half(0), half(3)];
}

/** Conditioning's own norm with shift and scale, then the block's norm: LeWM really has both. */
function lowerPreNorm(
  lowering: Lowering,
  name: string,
  config: TransformerConfig,
  weights: PartWeights,
  key: string,
  { shift, scale }: Modulation,
  x: Activation,
): Activation {
  let u = x;
  if (config.conditioning !== undefined && shift !== undefined && scale !== undefined) {
    const { norm } = config.conditioning;
    if (norm.kind !== "none") u = lowering.builder.norm(`${name}.plain`, norm.kind, u, norm.eps);
    u = lowering.builder.modulate(`${name}.modulated`, u, shift, scale);
  }
  return lowerNorm(lowering, name, weights, key, config.norm, u);
}

function lowerAttention(
  lowering: Lowering,
  name: string,
  config: TransformerConfig,
  weights: PartWeights,
  u: Activation,
  keep: RowRange | undefined,
): Activation {
  const { builder } = lowering;
  const { heads, kvHeads = heads, headDim, causal, scale = 1 / Math.sqrt(headDim) } = config.attention;
  const inner = heads * headDim;
  const kvInner = kvHeads * headDim;
  const [q, k, v] = qkvProjections(config, weights, inner, kvInner);
  const operands = { heads, kv_heads: kvHeads, scale, causal };
  const attention = (query: Activation, key: Activation, value: Activation, weight: Constant) =>
    builder.attention(`${name}.attention`, { q: query, k: key, v: value, ...operands }, weight.type);

  if (keep === undefined) {
    const [qkv, weight] = linearWithWeight(lowering, `${name}.attention.qkv`, u, [q, k, v]);
    return attention(
      builder.columns(qkv, 0, inner),
      builder.columns(qkv, inner, kvInner),
      builder.columns(qkv, inner + kvInner, kvInner),
      weight,
    );
  }
  const query = linear(lowering, `${name}.attention.q`, builder.rows(u, keep.start, keep.count), [q]);
  const [kv, weight] = linearWithWeight(lowering, `${name}.attention.kv`, u, [k, v]);
  return attention(query, builder.columns(kv, 0, kvInner), builder.columns(kv, kvInner, kvInner), weight);
}

function qkvProjections(
  config: TransformerConfig,
  weights: PartWeights,
  inner: number,
  kvInner: number,
): [Projection, Projection, Projection] {
  const { qkv, qkvBias } = config.attention;
  const { width } = config;
  if (qkv === "separate") {
    return [
      projection(weights, "q", inner, width, qkvBias),
      projection(weights, "k", kvInner, width, qkvBias),
      projection(weights, "v", kvInner, width, qkvBias),
    ];
  }
  const fused = projection(weights, "qkv", inner + 2 * kvInner, width, qkvBias);
  return [slice(fused, 0, inner), slice(fused, inner, kvInner), slice(fused, inner + kvInner, kvInner)];
}

function lowerFfn(
  lowering: Lowering,
  name: string,
  config: TransformerConfig,
  weights: PartWeights,
  v: Activation,
  residual: Activation,
  gate: Tensor | undefined,
): Activation {
  const { ffn, width } = config;
  const hidden =
    ffn.kind === "mlp"
      ? lowerMlpHidden(lowering, name, ffn, weights, v, width)
      : lowerGatedHidden(lowering, name, ffn, weights, v, width);
  const down = projection(weights, "down", width, ffn.hidden, ffn.bias);
  return linear(lowering, `${name}.ffn.down`, hidden, [down], { gate, residual });
}

function lowerMlpHidden(
  lowering: Lowering,
  name: string,
  ffn: FfnConfig,
  weights: PartWeights,
  v: Activation,
  width: number,
): Activation {
  return linear(lowering, `${name}.ffn.up`, v, [projection(weights, "up", ffn.hidden, width, ffn.bias)], {
    act: ffn.act,
  });
}

function lowerGatedHidden(
  lowering: Lowering,
  name: string,
  ffn: Extract<FfnConfig, { kind: "gated" }>,
  weights: PartWeights,
  v: Activation,
  width: number,
): Activation {
  const fused = ffn.fused ? projection(weights, "gateUp", 2 * ffn.hidden, width, ffn.bias) : undefined;
  const gate =
    fused === undefined ? projection(weights, "gate", ffn.hidden, width, ffn.bias) : slice(fused, 0, ffn.hidden);
  const up =
    fused === undefined ? projection(weights, "up", ffn.hidden, width, ffn.bias) : slice(fused, ffn.hidden, ffn.hidden);
  const opened = linear(lowering, `${name}.ffn.gate`, v, [gate], { act: ffn.act });
  return linear(lowering, `${name}.ffn.up`, v, [up], { gate: opened });
}

function projection(weights: PartWeights, key: string, n: number, k: number, bias: boolean): Projection {
  const weight = wholeTensor(weights.find(key, ".weight", [n, k]));
  return { weight, bias: bias ? wholeTensor(weights.find(key, ".bias", [n])) : undefined };
}

function slice({ weight, bias }: Projection, start: number, rows: number): Projection {
  return { weight: { ...weight, start, rows }, bias: bias === undefined ? undefined : { ...bias, start, rows } };
}

interface Fused {
  readonly act?: FfnConfig["act"];
  readonly gate?: Tensor | undefined;
  readonly residual?: Tensor | undefined;
}

function linear(
  lowering: Lowering,
  name: string,
  x: Activation,
  projections: readonly Projection[],
  fused: Fused = {},
): Activation {
  return linearWithWeight(lowering, name, x, projections, fused)[0];
}

/** One linear op over the rows of several projections. */
function linearWithWeight(
  lowering: Lowering,
  name: string,
  x: Activation,
  projections: readonly Projection[],
  fused: Fused = {},
): [Activation, Constant] {
  const { builder, checkpointSource } = lowering;
  const slices = projections.map(({ weight }) => weight);
  const biases = projections.flatMap(({ bias }) => (bias === undefined ? [] : [bias]));
  const weight = builder.weight(stackedWeight(`${name}.weight`, slices, x.shape[1] as number, checkpointSource));
  const bias = biases.length === 0 ? undefined : stackedVector(lowering, `${name}.bias`, biases);
  const { firstRowFine = false } = lowering;
  return [builder.linear(name, x, weight, { ...fused, bias, firstRowFine }), weight];
}
