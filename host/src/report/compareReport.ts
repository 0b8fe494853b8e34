import type { SimilaritySummary } from "./similarity.js";

/** What a comparison has to reach. Without a bar everything passes. */
export interface SimilarityBars {
  /** The worst centred cosine, at least. */
  readonly minCentredCosine?: number | undefined;
  /** The worst mean squared error over the variance, at most. */
  readonly maxRelativeError?: number | undefined;
}

/** One line of a comparison: many samples of one kind. */
export interface ComparisonRow extends SimilaritySummary {
  /** An entry's name, with its output's where it has several, or `rollout 10`. */
  readonly what: string;
  readonly inputs: string;
  /** What it is held against: the checkpoint in f32, or outputs that the user saved. */
  readonly against: "checkpoint" | "expected";
}

/** The answer of `synapse-host compare` and of `verify-model`. */
export interface CompareReport {
  readonly command: "compare" | "verify-model";
  readonly model: string;
  /** The checkpoint's file; null where the model is held against saved outputs alone. */
  readonly reference: string | null;
  /** The file of saved outputs. */
  readonly expected: string | null;
  readonly engine: string;
  readonly untrained: boolean;
  readonly rows: readonly ComparisonRow[];
  readonly bars: SimilarityBars;
  /** What a good result does not show; null where nothing of the kind is known. */
  readonly notSeen: string | null;
  /** True when every row reaches the bars, or when there are none. */
  readonly pass: boolean;
}

/** Of every comparison with a reference that is packed here. */
export const SAME_CONFIG =
  "the reference is packed from the same configuration, so a wrong one (norm placement, positions, heads, " +
  "activation, epsilon, image mean) " +
  "agrees with itself; `synapse-host verify-model` holds the model against outputs of your own PyTorch " +
  "(docs/verify.md)";

export function hasBars({ minCentredCosine, maxRelativeError }: SimilarityBars): boolean {
  return minCentredCosine !== undefined || maxRelativeError !== undefined;
}

/** Whether a row has the figures that the bars are on. */
export function isMeasurable(row: SimilaritySummary, { minCentredCosine, maxRelativeError }: SimilarityBars): boolean {
  return (
    (minCentredCosine === undefined || row.centredCosineWorst !== null) &&
    (maxRelativeError === undefined || row.relativeErrorWorst !== null)
  );
}

/** A row passes when its worst figures reach the bars; what is undefined or NaN never does. */
export function passes(
  row: Pick<SimilaritySummary, "centredCosineWorst" | "relativeErrorWorst">,
  { minCentredCosine, maxRelativeError }: SimilarityBars,
): boolean {
  const { centredCosineWorst, relativeErrorWorst } = row;
  const near =
    minCentredCosine === undefined || (centredCosineWorst !== null && centredCosineWorst >= minCentredCosine);
  const exact =
    maxRelativeError === undefined || (relativeErrorWorst !== null && relativeErrorWorst <= maxRelativeError);
  return near && exact;
}
