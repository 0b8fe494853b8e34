import type { BoardEstimate } from "./boardEstimate.js";
import type { LatencySummary } from "./latency.js";
import type { EngineSummary, ModelSummary } from "./runReport.js";

/** What one op costs in one run. */
export interface OpCost {
  readonly op: string;
  readonly name: string;
  readonly ticks: number;
  /** Of all ticks of the entry. */
  readonly share: number;
  readonly macs: number;
  readonly weightBytes: number;
  readonly activationBytes: number;
  /** Undefined where an engine has no clock or the op does not multiply. */
  readonly gmacPerSecond: number | undefined;
  readonly instructionsPerMac: number | undefined;
  /** On the board that was asked for: the estimates of the whole entry, of this op. */
  readonly builtLatencyMs: number | undefined;
  readonly vectorLatencyMs: number | undefined;
}

export interface EntryBench extends LatencySummary {
  readonly entry: string;
  readonly rows: number;
  readonly macs: number;
  readonly weightBytes: number;
  readonly activationBytes: number;
  readonly gmacPerSecond: number;
  readonly ticksUnit: "ns" | "instructions";
  readonly ops: readonly OpCost[];
  readonly boardEstimate: BoardEstimate;
}

/** The answer of `synapse-host bench`. */
export interface BenchReport {
  readonly command: "bench";
  readonly model: ModelSummary;
  readonly engine: EngineSummary;
  readonly openMs: number;
  readonly board: string | undefined;
  readonly entries: readonly EntryBench[];
}
