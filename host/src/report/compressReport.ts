import type { StorageTypeName } from "../format/types.js";
import type { ComparisonRow } from "./compareReport.js";

/** What became of one linear weight. */
export interface QuantisedWeight {
  readonly name: string;
  readonly type: StorageTypeName;
  readonly shape: readonly [number, number];
  /** Of the stored weight. */
  readonly bytes: number;
  /** Rows of inputs that it was quantised against. */
  readonly rows: number;
  /** Error of its outputs over the calibration rows, means taken away, over their own square. */
  readonly relativeError: number;
  /** The same of each weight rounded to the nearest number of the same grid. */
  readonly nearestError: number;
}

/** How a pack was made, as its `meta.recipe` tells. */
export interface CompressRecipe {
  readonly method: "gptq";
  /** Rows of inputs count all the same; with gradients they would count by what they change in the output. */
  readonly rows: "plain";
  readonly damping: number;
  readonly seed: number;
  readonly pictures: number;
  readonly steps: number;
  /** SHA-256 of the weights, the pictures and the settings that the statistics depend on. */
  readonly calibration: string;
}

/** The answer of `synapse-host compress`. */
export interface CompressReport {
  readonly command: "compress";
  readonly output: string;
  readonly name: string;
  readonly checkpoint: string;
  readonly config: string;
  readonly types: string;
  readonly untrained: boolean;
  readonly fileBytes: number;
  readonly sha256: string;
  readonly recipe: CompressRecipe;
  readonly calibration: {
    /** Where the pictures come from; null where no entry takes one. */
    readonly source: string | null;
    readonly runs: number;
    /** Runs that a statistics file had already. */
    readonly resumedRuns: number;
  };
  readonly weights: readonly QuantisedWeight[];
  /** Weights whose type has no scale a row and which are rounded to nearest. */
  readonly nearest: readonly string[];
  readonly fallbacks: readonly { readonly tensor: string; readonly type: string; readonly reason: string }[];
  /** Against the checkpoint in f32, on pictures that calibration has not seen; null where there are none. */
  readonly judged: { readonly source: string; readonly rows: readonly ComparisonRow[] } | null;
  readonly elapsedMs: number;
  readonly warnings: readonly string[];
}
