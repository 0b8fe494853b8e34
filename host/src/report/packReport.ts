import type { WeightsReport } from "../lower/fitCheckpoint.js";
import type { MetadataReport } from "./metadataReport.js";
import type { PackSummary } from "./packSummary.js";
import type { BoardFit } from "./slotFit.js";

/** The answer of `synapse-host pack`. */
export interface PackReport {
  readonly command: "pack";
  readonly output: string;
  readonly name: string;
  readonly checkpoint: { readonly path: string; readonly format: string };
  /** Which weights of the checkpoint were taken, and which were left. */
  readonly weights: WeightsReport;
  readonly config: string;
  readonly types: string;
  readonly numeric: "exact" | "reference";
  readonly untrained: boolean;
  readonly fileBytes: number;
  readonly sha256: string;
  readonly goldenCount: number;
  readonly summary: PackSummary;
  /** Storage types that had to be others than asked for, and why. */
  readonly fallbacks: readonly { readonly tensor: string; readonly type: string; readonly reason: string }[];
  readonly metadata: MetadataReport;
  readonly boards: readonly BoardFit[];
  readonly elapsedMs: number;
  readonly warnings: readonly string[];
}
