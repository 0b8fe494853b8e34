import { bar } from "../bars.js";
import type { BenchReport, EntryBench, OpCost } from "../benchReport.js";
import { formatBytes, formatCount, formatInteger, formatMilliseconds, formatPercent, plural } from "../format.js";
import { renderTable } from "../table.js";
import { builtText, vectorText } from "./boardTimesText.js";
import { printableReport } from "./printable.js";
import { headline, joinSections, section, type TextStyle } from "./style.js";

/** Ops of a profile that are shown; the rest is one line. `--json` has all. */
const OPS_SHOWN = 20;

export function benchText(style: TextStyle, bench: BenchReport, profile: boolean): string {
  const report = printableReport(bench);
  const { model, engine } = report;
  return joinSections([
    headline(
      style,
      [model.name, `${engine.name} (${engine.isa})`, `${engine.threads} thread${engine.threads === 1 ? "" : "s"}`],
      model.untrained,
    ),
    entriesText(style, report.entries),
    estimateText(style, report),
    ...(profile ? report.entries.map((entry) => profileText(style, entry)) : []),
  ]);
}

function entriesText(style: TextStyle, entries: readonly EntryBench[]): string {
  const emulated = entries[0]?.ticksUnit === "instructions";
  const columns = [
    { title: "entry" },
    { title: "rows", align: "right" },
    { title: "median", align: "right" },
    { title: "p90", align: "right" },
    { title: "min", align: "right" },
    { title: "MACs", align: "right" },
    { title: "weights", align: "right" },
    { title: emulated ? "instr/MAC" : "GMAC/s", align: "right" },
    { title: "runs", align: "right" },
  ] as const;
  const rows = entries.map((entry) => [
    entry.entry,
    `${entry.rows}`,
    formatMilliseconds(entry.latencyMsP50),
    formatMilliseconds(entry.latencyMsP90),
    formatMilliseconds(entry.latencyMsMin),
    formatCount(entry.macs),
    formatBytes(entry.weightBytes),
    (emulated ? instructionsPerMac(entry) : entry.gmacPerSecond).toPrecision(3),
    `${entry.runs}`,
  ]);
  const remark = emulated
    ? `\n  ${style.paint.dim("times are the emulator's; instructions are the chip's, without its vector unit")}`
    : "";
  return `${renderTable(columns, rows, style.paint.dim)}${remark}`;
}

function instructionsPerMac({ ops, macs }: EntryBench): number {
  return ops.reduce((sum, { ticks }) => sum + ticks, 0) / macs;
}

function estimateText(style: TextStyle, report: BenchReport): string | undefined {
  const [first] = report.entries;
  if (first === undefined) return undefined;
  const columns = [
    { title: "entry" },
    { title: "as built", align: "right" },
    { title: "compute", align: "right" },
    { title: "read weights", align: "right" },
    { title: "instructions", align: "right" },
    { title: "cores busy", align: "right" },
    { title: "if vectorised", align: "right" },
  ] as const;
  const rows = report.entries.map(({ entry, boardEstimate }) => [
    entry,
    `>${formatMilliseconds(boardEstimate.builtLatencyMs)}`,
    formatMilliseconds(boardEstimate.builtComputeMs),
    formatMilliseconds(boardEstimate.builtWeightReadMs),
    formatCount(boardEstimate.builtInstructions),
    boardEstimate.builtCoresBusy.toFixed(2),
    `~${formatMilliseconds(boardEstimate.vectorLatencyMs)}`,
  ]);
  const remarks = [
    `not measured; as built: ${builtText(first.boardEstimate)}`,
    `if vectorised: ${vectorText(first.boardEstimate)}`,
  ].map((text) => `  ${style.paint.dim(text)}`);
  return section(
    style,
    `Estimate for ${report.board ?? "a board"}`,
    [renderTable(columns, rows, style.paint.dim), ...remarks].join("\n"),
  );
}

function profileText(style: TextStyle, entry: EntryBench): string {
  const instructions = entry.ticksUnit === "instructions";
  const columns = [
    { title: "op" },
    { title: "of" },
    { title: instructions ? "instructions" : "time", align: "right" },
    { title: "share", align: "right" },
    { title: "" },
    { title: "MACs", align: "right" },
    { title: "weights", align: "right" },
    { title: "activations", align: "right" },
    { title: instructions ? "instr/MAC" : "GMAC/s", align: "right" },
    { title: "on a board (estimate)", align: "right" },
    { title: "if vectorised", align: "right" },
  ] as const;
  const ops = [...entry.ops].sort((a, b) => b.ticks - a.ticks);
  const most = ops[0]?.share ?? 1;
  const row = ({
    op,
    name,
    ticks,
    share,
    macs,
    weightBytes,
    activationBytes,
    builtLatencyMs,
    vectorLatencyMs,
    ...speed
  }: OpCost) => [
    op,
    name.length > 44 ? `…${name.slice(-43)}` : name,
    instructions ? formatInteger(ticks) : formatMilliseconds(ticks / 1e6),
    formatPercent(share),
    style.paint.cyan(bar(share / most, 10)),
    macs > 0 ? formatCount(macs) : "",
    weightBytes > 0 ? formatBytes(weightBytes) : "",
    formatBytes(Math.round(activationBytes)),
    (speed.instructionsPerMac ?? speed.gmacPerSecond)?.toPrecision(3) ?? "",
    builtLatencyMs === undefined ? "" : `>${formatMilliseconds(builtLatencyMs)}`,
    vectorLatencyMs === undefined ? "" : `~${formatMilliseconds(vectorLatencyMs)}`,
  ];
  const rest = ops.slice(OPS_SHOWN);
  const restShare = formatPercent(rest.reduce((sum, { share }) => sum + share, 0));
  const restText = `\n  ${style.paint.dim(`(${plural(rest.length, "more op")}, ${restShare}; --json has all)`)}`;
  const table = renderTable(columns, ops.slice(0, OPS_SHOWN).map(row), style.paint.dim);
  const byKind = kindsText(style, entry);
  return section(style, `Profile of ${entry.entry}`, `${byKind}\n\n${table}${rest.length > 0 ? restText : ""}`);
}

function kindsText(style: TextStyle, entry: EntryBench): string {
  const kinds = new Map<string, { count: number; share: number }>();
  for (const { op, share } of entry.ops) {
    const sum = kinds.get(op) ?? { count: 0, share: 0 };
    kinds.set(op, { count: sum.count + 1, share: sum.share + share });
  }
  const rows = [...kinds]
    .sort(([, a], [, b]) => b.share - a.share)
    .map(([op, { count, share }]) => [op, `${count}`, formatPercent(share), style.paint.cyan(bar(share, 30))]);
  return renderTable(
    [{ title: "op" }, { title: "count", align: "right" }, { title: "share", align: "right" }, { title: "" }],
    rows,
    style.paint.dim,
  );
}
