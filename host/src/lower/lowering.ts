import { configError } from "../config/configError.js";
import type { NormConfig, Statistics } from "../config/configSchema.js";
import type { Activation, Constant } from "../program/program.js";
import type { EntryBuilder } from "./builder.js";
import { type PartWeights, type RowSlice, stackRows } from "./partWeights.js";
import type { WeightSource } from "./weightSource.js";

/** What the lowering of every part has at hand. */
export interface Lowering {
  readonly builder: EntryBuilder;
  readonly weights: WeightSource;
  readonly configSource: string;
  readonly checkpointSource: string;
  /** Statistics by name; null where none were given. */
  readonly statistics: ReadonlyMap<string, Statistics | null>;
  /** Gathers the names of the statistics that layers take. */
  readonly standardized: Set<string>;
  /** The part's first row is its class token, which alone leaves it: errors there are errors of the result. */
  readonly firstRowFine?: boolean;
}

/** Throws `CONFIG_WIDTH` when rows of the wrong width reach a part. */
export function checkWidth(lowering: Lowering, where: string, x: Activation, width: number): void {
  const columns = x.shape[1];
  if (x.shape.length === 2 && columns === width) return;
  throw configError(
    lowering,
    "CONFIG_WIDTH",
    where,
    `gets "${x.name}" of shape [${x.shape.join(", ")}]`,
    `rows of ${width} values`,
  );
}

/** A vector made of pieces of checkpoint tensors, one after the other. */
export function stackedVector(lowering: Lowering, name: string, slices: readonly RowSlice[]): Constant {
  const length = slices.reduce((sum, slice) => sum + slice.rows, 0);
  const sources = [...new Set(slices.map(({ found }) => found.tensor.name))];
  return lowering.builder.vector(name, [length], sources, () => stackRows(slices, 1, lowering.checkpointSource));
}

/** A norm with its parameters under `key`; `none` gives the rows as they are. */
export function lowerNorm(
  lowering: Lowering,
  name: string,
  weights: PartWeights,
  key: string,
  config: NormConfig,
  x: Activation,
): Activation {
  if (config.kind === "none") return x;
  const width = x.shape[1] as number;
  const parameter = (suffix: string) => {
    const found = weights.find(key, suffix, [width]);
    return stackedVector(lowering, `${name}${suffix}`, [{ found, start: 0, rows: width }]);
  };
  const gamma = config.affine ? parameter(".weight") : undefined;
  const beta = config.kind === "layer_norm" && config.affine && config.bias ? parameter(".bias") : undefined;
  return lowering.builder.norm(name, config.kind, x, config.eps, gamma, beta);
}
