import type { EngineName, PortInfo } from "synapse-engine";

/** The answer of `synapse-host run`. */
export interface RunReport {
  readonly command: "run";
  readonly model: ModelSummary;
  readonly engine: EngineSummary;
  readonly entry: string;
  readonly rows: number;
  readonly inputs: readonly { readonly port: string; readonly kind: PortInfo["kind"]; readonly file: string }[];
  readonly outputs: readonly OutputReport[];
  /** What the user may not have meant: actions outside of the model's bounds. */
  readonly warnings: readonly string[];
  readonly timing: RunTiming;
}

/** The answer of `synapse-host run <file> rollout`: the start and one latent an action. */
export interface RolloutReport {
  readonly command: "rollout";
  readonly model: ModelSummary;
  readonly engine: EngineSummary;
  readonly steps: number;
  readonly historyMax: number;
  readonly inputs: RunReport["inputs"];
  readonly latents: readonly Float32Array[];
  /** Euclidean distance of each latent from the one before and from the start; 0 for the start. */
  readonly stepDistances: readonly number[];
  readonly startDistances: readonly number[];
  /** As of RunReport. */
  readonly warnings: readonly string[];
  readonly timing: RunTiming & { readonly stepMsMean: number };
}

export interface ModelSummary {
  readonly file: string;
  readonly name: string;
  readonly sha256: string;
  readonly exact: boolean;
  readonly untrained: boolean;
}

export interface EngineSummary {
  readonly name: EngineName;
  readonly isa: string;
  readonly threads: number;
}

export interface OutputReport {
  readonly name: string;
  readonly kind: PortInfo["kind"];
  readonly type: PortInfo["type"];
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array | Int32Array | Uint8Array;
}

export interface RunTiming {
  readonly openMs: number;
  readonly inputMs: number;
  readonly runMs: number;
}
