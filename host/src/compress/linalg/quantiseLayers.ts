import type { StorageTypeName } from "../../format/types.js";
import { storageTypes } from "../types/index.js";
import type { RowScaledCodec } from "../types/rowScaled.js";
import { type Rounded, roundAgainst } from "./gptq.js";
import type { Linalg } from "./linalg.js";
import type { Moments } from "./moments.js";

/** The weights `[n, k]` of a linear layer and the type of one scale a row that they are to have. */
export interface LayerWeights {
  readonly type: StorageTypeName;
  readonly n: number;
  readonly weights: Float32Array;
}

export interface QuantisedLayer extends Omit<Rounded, "numbers"> {
  /** The stored weight. */
  readonly bytes: Uint8Array;
}

/** Columns that hardly vary still count this much of the mean when scales are chosen. */
const IMPORTANCE_MIN = 1e-3;

/**
 * Chooses scales and steps by the variance of each input, then whole numbers by GPTQ. Throws NotPositiveDefinite, and a
 * RangeError for a type that has no scale a row.
 */
export function quantiseLayers(linalg: Linalg, moments: Moments, layers: readonly LayerWeights[]): QuantisedLayer[] {
  const { k } = moments;
  const importance = importanceOf(moments);
  const codecs = layers.map(({ type }) => rowScaledCodec(type));
  const roundings = layers.map(({ n, weights }, i) => ({
    n,
    weights,
    grid: (codecs[i] as RowScaledCodec).grid(weights, n, k, importance),
  }));
  return roundAgainst(linalg, moments, roundings).map(({ numbers, ...rounded }, i) => {
    const { n, grid } = roundings[i] as (typeof roundings)[number];
    return { ...rounded, bytes: (codecs[i] as RowScaledCodec).write(numbers, grid, n, k) };
  });
}

/** Whether `quantiseLayers` takes a type. */
export function isRowScaled(type: StorageTypeName): boolean {
  return storageTypes[type].rowScaled !== undefined;
}

function rowScaledCodec(type: StorageTypeName): RowScaledCodec {
  const codec = storageTypes[type].rowScaled;
  if (codec === undefined) throw new RangeError(`type ${type} has no scale a row`);
  return codec;
}

/** Variances over their mean; all the same where nothing varies. */
function importanceOf({ k, covariance }: Moments): Float64Array {
  const variances = Float64Array.from({ length: k }, (_, i) => covariance[i * k + i] as number);
  const mean = variances.reduce((sum, value) => sum + value, 0) / k;
  return variances.map((value) => (mean > 0 ? Math.max(value / mean, IMPORTANCE_MIN) : 1));
}
