import type { ActivationFunction } from "../format/ops.js";

/** A value of the metadata beside a checkpoint, and where it stands there. */
export interface Fact<Value> {
  readonly value: Value;
  /** File and key, as people would look it up: `config.json hidden_act "gelu_new"`. */
  readonly place: string;
}

/** Where a block normalises: before its halves, after them, both, or before two halves that run side by side. */
export type NormPlacement = "pre" | "post" | "both" | "parallel";
/**
 * How rows learn their place. `table`: positions that are stored or computed, and added once. `constant`: each row gets
 * the same.
 */
export type PositionKind = "learned" | "table" | "rope" | "relative" | "alibi" | "constant" | "none";
/** `rms_norm_plus_one`: multiplied by 1 + weight. */
export type NormKind = "layer_norm" | "rms_norm" | "rms_norm_plus_one" | "none";

/**
 * The order of the rows of a fused query, key and value. `blocks`: all of q, then k, then v; `heads`: those of the
 * first head, then those of the second; `groups`: the queries that share a key, that key, its value, and so on;
 * `blocks_qvk`: in parts, of which each has q, v and k.
 */
export type QkvLayout = "blocks" | "heads" | "groups" | "blocks_qvk";
/**
 * The factor on the scores before softmax: a number, or 1 / sqrt(width of a head); `byLayer`: divided by the layer's
 * number from 1 as well.
 */
export interface ScoreFactor {
  readonly factor: number | "head";
  readonly byLayer?: boolean;
}

/** What is known of a transformer from the metadata beside its weights. What is absent is not known. */
export interface ModelFacts {
  readonly architecture?: Fact<string> | undefined;
  readonly normPlacement?: Fact<NormPlacement> | undefined;
  readonly positions?: Fact<PositionKind> | undefined;
  /** The row of the position table that the first row gets. */
  readonly firstPosition?: Fact<number> | undefined;
  readonly norm?: Fact<NormKind> | undefined;
  /** Whether a norm follows the last block. */
  readonly finalNorm?: Fact<boolean> | undefined;
  readonly eps?: Fact<number> | undefined;
  readonly causal?: Fact<boolean> | undefined;
  readonly gatedFfn?: Fact<boolean> | undefined;
  readonly scoreFactor?: Fact<ScoreFactor> | undefined;
  /** Rows of which each sees all others in every layer: what is longer meets a window. Infinity where there is none. */
  readonly rowsInSight?: Fact<number> | undefined;
  readonly qkvLayout?: Fact<QkvLayout> | undefined;
  /** Whether the weights of linear layers are stored [in, out]. */
  readonly transposed?: Fact<boolean> | undefined;
  /** The order of color channels that the model takes. */
  readonly channels?: Fact<"rgb" | "bgr"> | undefined;
  /** What it does that no config can say, in words. */
  readonly beyond?: readonly Fact<string>[] | undefined;
  /** One of these. */
  readonly activation?: Fact<readonly ActivationFunction[]> | undefined;
  readonly width?: Fact<number> | undefined;
  readonly layers?: Fact<number> | undefined;
  readonly heads?: Fact<number> | undefined;
  readonly kvHeads?: Fact<number> | undefined;
  readonly headDim?: Fact<number> | undefined;
  readonly hidden?: Fact<number> | undefined;
  /** Height and width in pixels. */
  readonly image?: Fact<readonly [number, number]> | undefined;
  readonly patch?: Fact<number> | undefined;
  readonly registers?: Fact<number> | undefined;
  /** Of pixel values 0..1. */
  readonly mean?: Fact<readonly number[]> | undefined;
  readonly std?: Fact<readonly number[]> | undefined;
}

/** Facts and what could not be understood, in words. */
export interface ReadFacts {
  readonly facts: ModelFacts;
  readonly unknown: readonly string[];
}

/** Without the keys that have no value, so that one set of facts can be laid over another. */
export function defined<Facts extends object>(facts: Facts): Facts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Facts;
}
