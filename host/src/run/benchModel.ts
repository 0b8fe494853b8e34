import type { EngineName, EntryInfo, OpProfile, Session } from "synapse-engine";
import type { EntryBench, OpCost } from "../report/benchReport.js";
import { type BoardSpeed, estimateBoardTime } from "../report/boardEstimate.js";
import type { OpWork } from "../report/kernelWork.js";
import { summariseLatency } from "../report/latency.js";
import { seededInputs } from "./seededInputs.js";

export interface BenchOptions {
  readonly engine: EngineName;
  readonly runs: number;
  readonly warmups: number;
  readonly seed: number;
  /** A board to estimate for, and the work of each op of the entry. */
  readonly board: BoardSpeed;
  readonly work: readonly OpWork[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Runs `entry` on seeded inputs of its largest size and measures every run by itself; the profile is of the measured
 * runs only.
 */
export async function benchEntry(session: Session, entry: EntryInfo, options: BenchOptions): Promise<EntryBench> {
  const inputs = seededInputs(entry, entry.rowsMax, options.seed);
  const latencies: number[] = [];
  for (let run = -options.warmups; run < options.runs; run++) {
    options.signal?.throwIfAborted();
    options.onProgress?.(run + options.warmups, options.runs + options.warmups);
    if (run === 0) await session.resetProfile();
    const start = performance.now();
    await session.run(entry.name, inputs, entry.rowsMax);
    if (run >= 0) latencies.push(performance.now() - start);
  }
  const ops = costsOf(await session.profile(entry.name), options.engine);
  const latency = summariseLatency(latencies);
  const total = (key: "macs" | "weightBytes" | "activationBytes") => ops.reduce((sum, op) => sum + op[key], 0);
  return {
    entry: entry.name,
    rows: entry.rowsMax,
    ...latency,
    macs: total("macs"),
    weightBytes: total("weightBytes"),
    activationBytes: total("activationBytes"),
    gmacPerSecond: total("macs") / latency.latencyMsP50 / 1e6,
    ticksUnit: options.engine === "rv32" ? "instructions" : "ns",
    ops: ops.map((op, index) => ({ ...op, ...opEstimate(options.work[index], options.board) })),
    boardEstimate: estimateBoardTime(options.work, options.board),
  };
}

function opEstimate(work: OpWork | undefined, board: BoardSpeed): Pick<OpCost, "builtLatencyMs" | "vectorLatencyMs"> {
  if (work === undefined) return { builtLatencyMs: undefined, vectorLatencyMs: undefined };
  const { builtLatencyMs, vectorLatencyMs } = estimateBoardTime([work], board);
  return { builtLatencyMs, vectorLatencyMs };
}

function costsOf(
  profile: readonly OpProfile[],
  engine: EngineName,
): Omit<OpCost, "builtLatencyMs" | "vectorLatencyMs">[] {
  const ticksTotal = profile.reduce((sum, { ticks }) => sum + ticks, 0);
  return profile.map(({ op, name, runs, ticks, macs, weightBytes, activationBytes }) => {
    const perRun = Math.max(runs, 1);
    const multiplies = macs > 0 && ticks > 0;
    return {
      op,
      name,
      ticks: ticks / perRun,
      share: ticksTotal > 0 ? ticks / ticksTotal : 0,
      macs: macs / perRun,
      weightBytes: weightBytes / perRun,
      activationBytes: activationBytes / perRun,
      gmacPerSecond: multiplies && engine !== "rv32" ? macs / ticks : undefined,
      instructionsPerMac: multiplies && engine === "rv32" ? ticks / macs : undefined,
    };
  });
}
