import { configError } from "../config/configError.js";
import type { MlpConfig, MlpLayerConfig, Statistics } from "../config/configSchema.js";
import type { Activation, Constant } from "../program/program.js";
import { checkWidth, type Lowering, lowerNorm, stackedVector } from "./lowering.js";
import { PartWeights, stackedWeight, wholeTensor } from "./partWeights.js";
import { type FoundTensor, loadFinite } from "./weightSource.js";

type Layer<Kind extends MlpLayerConfig["kind"]> = Extract<MlpLayerConfig, { kind: Kind }>;

/**
 * Lowers an MLP part. Standardisation and BatchNorm are folded into the linear layer beside them, activations fused
 * into it.
 */
export function lowerMlp(lowering: Lowering, name: string, config: MlpConfig, input: Activation): Activation {
  const { builder } = lowering;
  checkWidth(lowering, `parts.${name}`, input, config.width);
  let x = input;
  for (let i = 0; i < config.layers.length; i++) {
    const layer = config.layers[i] as MlpLayerConfig;
    const where = `parts.${name}.layers[${i}]`;
    const layerName = `${name}.${i}`;
    switch (layer.kind) {
      case "standardize": {
        if (config.layers[i + 1]?.kind !== "linear")
          throw configError(lowering, "CONFIG_ORDER", where, '"standardize" must stand right before a linear layer');
        break;
      }
      case "batch_norm":
        throw configError(
          lowering,
          "CONFIG_ORDER",
          where,
          '"batch_norm" must stand right after a linear layer, into which it is folded',
        );
      case "act":
        x = builder.act(layerName, x, layer.act);
        break;
      case "layer_norm":
      case "rms_norm":
        x = lowerNorm(lowering, layerName, layerWeights(lowering, where, layer), "weights", layer, x);
        break;
      case "linear": {
        const before = config.layers[i - 1];
        const norm =
          config.layers[i + 1]?.kind === "batch_norm" ? (config.layers[i + 1] as Layer<"batch_norm">) : undefined;
        const after = config.layers[norm === undefined ? i + 1 : i + 2];
        const statistics =
          before?.kind === "standardize"
            ? statisticsOf(lowering, `parts.${name}.layers[${i - 1}].statistics`, before.statistics, x)
            : undefined;
        const batchNorm =
          norm === undefined ? undefined : findBatchNorm(lowering, `parts.${name}.layers[${i + 1}]`, norm, layer.out);
        const folded = foldLinear(lowering, layerName, where, layer, x.shape[1] as number, statistics, batchNorm);
        x = builder.linear(layerName, x, folded.weight, {
          bias: folded.bias,
          ...(after?.kind === "act" ? { act: after.act } : {}),
        });
        i += (norm === undefined ? 0 : 1) + (after?.kind === "act" ? 1 : 0);
        break;
      }
    }
  }
  return x;
}

function layerWeights(lowering: Lowering, where: string, layer: MlpLayerConfig): PartWeights {
  return new PartWeights(lowering.weights, lowering.configSource, where, layer as unknown as Record<string, unknown>);
}

/** Statistics repeated to the width of the rows; undefined when none were given. */
function statisticsOf(lowering: Lowering, where: string, name: string, x: Activation): Statistics | undefined {
  lowering.standardized.add(name);
  const statistics = lowering.statistics.get(name);
  if (statistics === undefined) {
    throw configError(
      lowering,
      "CONFIG_STATISTICS",
      where,
      `"${name}" is not declared`,
      `"statistics": { "${name}": null } or with numbers`,
    );
  }
  if (statistics === null) return undefined;
  const width = x.shape[1] as number;
  const { mean, std } = statistics;
  if (mean.length !== std.length || width % mean.length !== 0) {
    throw configError(
      lowering,
      "CONFIG_STATISTICS",
      `statistics.${name}`,
      `has ${mean.length} means and ${std.length} deviations for rows of ${width}`,
      `as many of both, a divisor of ${width}`,
    );
  }
  const repeat = (values: readonly number[]) =>
    Array.from({ length: width }, (_, i) => values[i % values.length] as number);
  return { mean: repeat(mean), std: repeat(std) };
}

interface BatchNorm {
  /** Absent without affine parameters: 1. */
  readonly gamma: FoundTensor | undefined;
  /** Absent without affine parameters: 0. */
  readonly beta: FoundTensor | undefined;
  readonly mean: FoundTensor;
  readonly variance: FoundTensor;
  readonly eps: number;
}

/**
 * Weight and bias of `norm(linear((x - mean) / std))` as one linear layer. With s = gamma / sqrt(variance + eps):
 * W' = s W / std, b' = s (b - W mean / std - running mean) + beta, in double precision and rounded once.
 */
function foldLinear(
  lowering: Lowering,
  name: string,
  where: string,
  layer: Layer<"linear">,
  k: number,
  statistics: Statistics | undefined,
  norm: BatchNorm | undefined,
): { weight: Constant; bias: Constant | undefined } {
  const { builder, checkpointSource } = lowering;
  const n = layer.out;
  const weights = layerWeights(lowering, where, layer);
  const weight = weights.find("weights", ".weight", [n, k]);
  const bias = layer.bias ? weights.find("weights", ".bias", [n]) : undefined;
  const plain = stackedWeight(`${name}.weight`, [wholeTensor(weight)], k, checkpointSource);
  if (statistics === undefined && norm === undefined) {
    return {
      weight: builder.weight(plain),
      bias: bias === undefined ? undefined : stackedVector(lowering, `${name}.bias`, [wholeTensor(bias)]),
    };
  }
  const fold = () => foldValues({ weight, bias, norm, statistics, n, k, source: checkpointSource });
  const sources = [weight, bias, norm?.gamma, norm?.beta, norm?.mean, norm?.variance].flatMap((found) =>
    found === undefined ? [] : [found.tensor.name],
  );
  const { name: plainName, n: rows } = plain;
  return {
    weight: builder.weight({
      name: plainName,
      n: rows,
      k,
      sources: plain.sources,
      inputs: statistics === undefined ? "activations" : "raw",
      load: async () => (await fold()).weight,
    }),
    bias: builder.vector(`${name}.bias`, [n], sources, async () => (await fold()).bias),
  };
}

function findBatchNorm(lowering: Lowering, where: string, layer: Layer<"batch_norm">, n: number): BatchNorm {
  const weights = layerWeights(lowering, where, layer);
  return {
    gamma: layer.affine ? weights.find("weights", ".weight", [n]) : undefined,
    beta: layer.affine ? weights.find("weights", ".bias", [n]) : undefined,
    mean: weights.find("weights", ".running_mean", [n]),
    variance: weights.find("weights", ".running_var", [n]),
    eps: layer.eps,
  };
}

interface Fold {
  readonly weight: FoundTensor;
  readonly bias: FoundTensor | undefined;
  readonly norm: BatchNorm | undefined;
  readonly statistics: Statistics | undefined;
  readonly n: number;
  readonly k: number;
  readonly source: string;
}

async function foldValues({
  weight,
  bias,
  norm,
  statistics,
  n,
  k,
  source,
}: Fold): Promise<{ weight: Float32Array; bias: Float32Array }> {
  const load = (found: FoundTensor) => loadFinite(found, source);
  const w = Float64Array.from(await load(weight));
  const b = bias === undefined ? new Float64Array(n) : Float64Array.from(await load(bias));
  if (statistics !== undefined) {
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < k; column++) {
        const scaled = (w[row * k + column] as number) / (statistics.std[column] as number);
        w[row * k + column] = scaled;
        b[row] = (b[row] as number) - scaled * (statistics.mean[column] as number);
      }
    }
  }
  if (norm !== undefined) {
    const [gamma, beta] = [norm.gamma && (await load(norm.gamma)), norm.beta && (await load(norm.beta))];
    const [mean, variance] = [await load(norm.mean), await load(norm.variance)];
    for (let row = 0; row < n; row++) {
      const factor = (gamma?.[row] ?? 1) / Math.sqrt((variance[row] as number) + norm.eps);
      for (let column = 0; column < k; column++) w[row * k + column] = (w[row * k + column] as number) * factor;
      b[row] = factor * ((b[row] as number) - (mean[row] as number)) + (beta?.[row] ?? 0);
    }
  }
  return { weight: Float32Array.from(w), bias: Float32Array.from(b) };
}
