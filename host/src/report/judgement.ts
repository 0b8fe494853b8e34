import { passes, type SimilarityBars } from "./compareReport.js";

/** Shares of the samples that lie below each of a spread's quantiles. */
export const QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95] as const;
/** Upper edges of the bins of centred cosines, finer toward 1; equal to 1 counts in the last. */
export const HISTOGRAM_EDGES = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1] as const;

/** One figure over all samples. */
export interface Spread {
  readonly mean: number;
  readonly median: number;
  readonly worst: number;
  /** At `QUANTILES`. */
  readonly quantiles: readonly number[];
}

/** How near one model's answers are to the f32 model's. Null where a figure is undefined (docs/verify.md). */
export interface JudgedFigures {
  readonly count: number;
  readonly cosine: Spread | null;
  readonly centredCosine: Spread | null;
  /** Mean squared error over the variance of the f32 model's answers. */
  readonly relativeError: Spread | null;
  /** Share of samples whose centred cosine is above, with its 95 % confidence interval (Wilson). */
  readonly shares: readonly {
    readonly above: number;
    readonly share: number;
    readonly low: number;
    readonly high: number;
  }[];
  /** Samples in each bin that ends at `HISTOGRAM_EDGES`. */
  readonly histogram: readonly number[];
}

/** Encoding, or a rollout of so many steps from each model's own encoding. */
export interface JudgedRow {
  /** 0 for `encode`. */
  readonly steps: number;
  readonly pack: JudgedFigures;
  /** The f32 model on pictures moved by half a pixel. */
  readonly halfPixel: JudgedFigures;
  /** Samples with a centred cosine above 0.95 of one of the two alone, and McNemar's exact test of that. */
  readonly paired: { readonly packOnly: number; readonly halfPixelOnly: number; readonly p: number };
}

export interface Judgement {
  readonly command: "judge";
  readonly model: string;
  readonly fileBytes: number;
  readonly reference: string;
  readonly engine: string;
  readonly untrained: boolean;
  readonly seed: number;
  readonly trajectories: number;
  /** Actions of the rollouts: rows of the set's own policy, or seeded random walks. */
  readonly actions: "policy" | "walk";
  readonly sets: {
    readonly source: string;
    readonly testFrames: number;
    readonly testEpisodes: number;
    /** Frames of `calibration-NN`, by which others may calibrate and choose; the probe is fitted on them. */
    readonly calibrationFrames: number;
    /** What the pack says of the pictures that calibrated it: which, that there were some, or nothing. */
    readonly calibratedBy: "named" | "not named" | "nothing";
    readonly chosenBy: "named" | "not named";
  };
  readonly rows: readonly JudgedRow[];
  /** Null where the set has no states. R2 on the test frames. */
  readonly probe: {
    readonly fittedOn: number;
    readonly columns: number;
    readonly reference: number;
    /** The f32 model's probe on the pack's latents. */
    readonly pack: number;
    /** Fitted on the pack's own latents. */
    readonly packOwn: number;
  } | null;
  /** AUROC of the prediction error telling the real next frame from another. Null where the set has no actions. */
  readonly surprise: {
    readonly steps: number;
    readonly reference: SurpriseFigures;
    readonly pack: SurpriseFigures;
  } | null;
  readonly bars: SimilarityBars;
  readonly pass: boolean;
  readonly warnings: readonly string[];
  readonly elapsedMs: number;
}

export interface SurpriseFigures {
  readonly sameEpisode: number | null;
  readonly otherEpisode: number | null;
}

/** What a row is called. */
export function rowName(steps: number): string {
  if (steps === 0) return "encode";
  return steps === 1 ? "1 step" : `${steps} steps`;
}

/** Whether the worst of the pack's samples reach the bars. */
export function reachesBars({ pack }: JudgedRow, bars: SimilarityBars): boolean {
  return passes(
    {
      centredCosineWorst: pack.centredCosine?.worst ?? null,
      relativeErrorWorst: pack.relativeError?.worst ?? null,
    },
    bars,
  );
}
