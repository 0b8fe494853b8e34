import { inputError } from "../files/inputError.js";
import type { PackHeader } from "../format/header.js";
import { estimateBoardTime } from "../report/boardEstimate.js";
import { entryWork, type OpWork } from "../report/kernelWork.js";
import type {
  LaidKernel,
  LaidOp,
  MeasuredKernel,
  MeasuredOp,
  SelfTestFile,
  SelfTestReport,
} from "../report/selfTestReport.js";
import { boardSpeed, knownBoards } from "./boards.js";

/** A model's file, to lay the estimate beside what was measured. */
export interface TestedModel {
  readonly source: string;
  readonly sha256: string;
  readonly header: PackHeader;
}

const SILICON_V3 = 3;
const MEGA = 1e6;

/**
 * Sums up what a board has measured, by op, by kind and by entry, beside the estimate of `bench`. Throws an InputError
 * `MODEL_OTHER` when the board has run another model.
 */
export async function laySelfTest(report: SelfTestFile, model: TestedModel | undefined): Promise<SelfTestReport> {
  const tested = report.selftest;
  if (tested !== null && model !== undefined && model.sha256 !== tested.model.sha256) {
    throw inputError(model.source, "MODEL_OTHER", `the board has run another model: ${tested.model.name}`, {
      expected: `the file whose SHA-256 is ${tested.model.sha256}`,
    });
  }
  const estimate = await estimator(report, model);
  const ops = (tested?.ops ?? []).map((op) => laid(report, op, estimate(op)));
  const kindOf = (op: MeasuredOp) => `${op.op}${op.op === "linear" && model ? ` ${weightType(op, model)}` : ""}`;
  const kinds = (tested?.ops ?? []).map(kindOf);
  return {
    command: "selftest",
    report,
    passed: tested?.passed ?? false,
    family: Number(report.device.board.chip_revision.split(".")[0]) >= SILICON_V3 ? "v3" : "v1",
    kernels: (tested?.kernels ?? []).map((kernel) => laidKernel(report, kernel)),
    entries: sums(ops, (op) => ({ ...op, op: "", name: undefined })),
    kinds: sums(ops, (op, i) => ({ ...op, op: kinds[i] ?? op.op, name: undefined })),
    ops,
  };
}

/** Milliseconds that an op would take on the board, as far as the model's file is there to say it. */
async function estimator(
  { device }: SelfTestFile,
  model: TestedModel | undefined,
): Promise<(op: MeasuredOp) => number | undefined> {
  const board = (await knownBoards()).find(({ id }) => id === device.board.id);
  if (model === undefined || board === undefined) return () => undefined;
  const { cpu_hz: cpuHz, psram_hz: psramHz } = device.clocks;
  // Its clocks are those that it has, whatever its board file says.
  const speed = boardSpeed({
    ...board,
    cpu: { ...board.cpu, mhz: cpuHz === null ? board.cpu.mhz : cpuHz / MEGA },
    psram: { ...board.psram, mhz: psramHz === null ? board.psram.mhz : psramHz / MEGA },
  });
  const works = new Map<string, readonly OpWork[]>();
  for (const { name } of model.header.entries) works.set(name, entryWork(model.header, name));
  return (op) => {
    const work = works.get(op.entry)?.[op.index];
    return work === undefined ? undefined : estimateBoardTime([work], speed).builtLatencyMs;
  };
}

function weightType({ entry, index }: MeasuredOp, { header }: TestedModel): string {
  return entryWork(header, entry)[index]?.weightType ?? "";
}

/** Ticks as milliseconds, and as cycles where they are. */
function timed({ selftest, device }: SelfTestFile, ticks: number): { measuredMs: number; cycles: number | undefined } {
  if (selftest?.ticks !== "cycles") return { measuredMs: ticks / 1000, cycles: undefined };
  return { measuredMs: (ticks * 1000) / (device.clocks.cpu_hz ?? Number.NaN), cycles: ticks };
}

function laidKernel(report: SelfTestFile, { kernel, passed, ticks, macs }: MeasuredKernel): LaidKernel {
  const { measuredMs, cycles } = timed(report, ticks);
  const cyclesPerMac = cycles === undefined || macs === 0 ? undefined : cycles / macs;
  return { kernel, passed, measuredMs, cycles, macs, cyclesPerMac };
}

function laid(report: SelfTestFile, op: MeasuredOp, estimateMs: number | undefined): LaidOp {
  return finished({
    entry: op.entry,
    op: op.op,
    name: op.name,
    count: 1,
    ...timed(report, op.ticks / op.runs),
    macs: op.macs / op.runs,
    weightBytes: op.weight_bytes / op.runs,
    estimateMs,
  });
}

/** With what follows from the rest. */
function finished(op: Omit<LaidOp, "cyclesPerMac" | "ratio">): LaidOp {
  const { cycles, macs, measuredMs, estimateMs } = op;
  return {
    ...op,
    cyclesPerMac: cycles === undefined || macs === 0 ? undefined : cycles / macs,
    ratio: estimateMs === undefined || estimateMs === 0 ? undefined : measuredMs / estimateMs,
  };
}

/** Sums of those that `as` makes equal in entry and op, in the order of the first of each. */
function sums(ops: readonly LaidOp[], as: (op: LaidOp, index: number) => LaidOp): LaidOp[] {
  const groups = new Map<string, LaidOp>();
  ops.map(as).forEach((op) => {
    const key = `${op.entry} ${op.op}`;
    const sum = groups.get(key);
    groups.set(key, sum === undefined ? op : finished({ ...op, ...added(sum, op) }));
  });
  return [...groups.values()];
}

function added(
  a: LaidOp,
  b: LaidOp,
): Pick<LaidOp, "count" | "measuredMs" | "cycles" | "macs" | "weightBytes" | "estimateMs"> {
  const plus = (one: number | undefined, other: number | undefined) =>
    one === undefined || other === undefined ? undefined : one + other;
  return {
    count: a.count + b.count,
    measuredMs: a.measuredMs + b.measuredMs,
    cycles: plus(a.cycles, b.cycles),
    macs: a.macs + b.macs,
    weightBytes: a.weightBytes + b.weightBytes,
    estimateMs: plus(a.estimateMs, b.estimateMs),
  };
}
