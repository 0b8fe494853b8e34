import { formatBytes, formatCount, formatInteger, formatMilliseconds, plural } from "../format.js";
import type { LaidKernel, LaidOp, SelfTestReport } from "../selfTestReport.js";
import { type Column, type Field, renderFields, renderTable } from "../table.js";
import { printableReport } from "./printable.js";
import { headline, joinSections, section, type TextStyle } from "./style.js";

/** Ops that are shown; the rest is one line. `--json` has all. */
const OPS_SHOWN = 12;
const MEGA = 1e6;

export function selfTestText(style: TextStyle, given: SelfTestReport): string {
  const shown = printableReport(given);
  const { report, family } = shown;
  const { device, selftest } = report;
  const { board } = device;
  const silicon = `${board.chip} v${board.chip_revision} (silicon ${family})`;
  return joinSections([
    headline(style, [board.name, silicon, selftest?.model.name ?? "no model"], selftest?.model.untrained ?? false),
    renderFields(fieldsOf(style, shown), style.paint.dim),
    shown.entries.length === 0 ? undefined : tables(style, shown),
  ]);
}

function fieldsOf({ paint }: TextStyle, { report, passed }: SelfTestReport): Field[] {
  const { device, selftest, problem } = report;
  const { clocks, memory, firmware, slots } = device;
  const failed = selftest?.vectors.filter((vector) => !vector.passed) ?? [];
  const kernels = selftest?.kernels ?? [];
  const wrong = kernels.filter((kernel) => !kernel.passed).map(({ kernel }) => kernel);
  const vectors =
    selftest && `${plural(kernels.length, "kernel")}, ${plural(selftest.vectors.length, "golden vector")}`;
  const verdict = passed ? paint.green("passed") : paint.red("failed");
  const others = [...wrong, ...failed.map(({ vector }) => `vector ${vector}`)];
  const which = others.length === 0 ? "" : `: ${others.join(", ")} gave other outputs`;
  const region = (name: string, { bytes, free_bytes: free }: { bytes: number; free_bytes: number }) =>
    `${formatBytes(bytes)} of ${name} (${formatBytes(free)} free)`;
  return [
    [
      "firmware",
      `${firmware.name} ${firmware.version}  core ${firmware.core}, engine ${firmware.engine} (${firmware.isa})`,
    ],
    [
      "clocks",
      `CPU ${megahertz(clocks.cpu_hz)}, PSRAM ${megahertz(clocks.psram_hz)}, flash ${megahertz(clocks.flash_hz)}`,
    ],
    [
      "memory",
      `${region("SRAM", memory.fast)}, ${region("PSRAM", memory.slow)}, ${formatBytes(memory.flash_bytes)} of flash`,
    ],
    [
      "slots",
      slots
        .map(({ slot, state, capacity_bytes: room, name }) =>
          [slot, room && formatBytes(room), state.toLowerCase(), name].filter(Boolean).join(" "),
        )
        .join("; "),
    ],
    ["reset", `${device.reset.reason}, ${plural(device.reset.count, "reset")} before`],
    ["self-test", selftest ? `${verdict}  ${vectors}${which}` : paint.red(`did not run: ${problem ?? ""}`)],
    ["measured", device.simulated ? paint.yellow("by the simulator's machine: no figure is a board's") : undefined],
  ];
}

const megahertz = (hz: number | null): string => (hz === null ? "unknown" : `${Math.round(hz / MEGA)} MHz`);

function tables(style: TextStyle, { kernels, entries, kinds, ops }: SelfTestReport): string {
  const slowest = [...ops].sort((a, b) => b.measuredMs - a.measuredMs);
  const rest = slowest.slice(OPS_SHOWN);
  const restText =
    rest.length === 0 ? "" : `\n  ${style.paint.dim(`(${plural(rest.length, "more op")}; --json has all)`)}`;
  const estimated = entries.some(({ estimateMs }) => estimateMs !== undefined);
  const remark = estimated
    ? "estimate: the library as built, counted instructions at 1 cycle each, the least possible"
    : "--model lays the estimate for the board beside it";
  return joinSections([
    section(style, "One run of each entry", `${tableOf(style, entries)}\n  ${style.paint.dim(remark)}`),
    section(style, "By kind", tableOf(style, kinds)),
    section(style, "Kernels by themselves", kernelsText(style, kernels)),
    section(style, "Slowest ops", `${tableOf(style, slowest.slice(0, OPS_SHOWN))}${restText}`),
  ]);
}

function kernelsText({ paint }: TextStyle, kernels: readonly LaidKernel[]): string {
  const cycled = kernels.some(({ cycles }) => cycles !== undefined);
  const columns: Column[] = [
    { title: "kernel" },
    { title: "" },
    { title: cycled ? "cycles" : "measured", align: "right" },
    { title: "MACs", align: "right" },
    { title: cycled ? "cycles/MAC" : "", align: "right" },
  ];
  const rows = kernels.map(({ kernel, passed, measuredMs, cycles, macs, cyclesPerMac }) => [
    kernel,
    passed ? "right" : paint.red("wrong"),
    cycles === undefined ? formatMilliseconds(measuredMs) : formatInteger(Math.round(cycles)),
    macs > 0 ? formatCount(macs) : "",
    cyclesPerMac?.toPrecision(3) ?? "",
  ]);
  return renderTable(columns, rows, paint.dim);
}

const COLUMNS: readonly { readonly column: Column; readonly cell: (op: LaidOp) => string }[] = [
  { column: { title: "entry" }, cell: ({ entry }) => entry },
  { column: { title: "op" }, cell: ({ op }) => op },
  { column: { title: "of" }, cell: ({ name = "" }) => (name.length > 40 ? `…${name.slice(-39)}` : name) },
  { column: { title: "ops", align: "right" }, cell: ({ count }) => (count > 1 ? `${count}` : "") },
  { column: { title: "measured", align: "right" }, cell: ({ measuredMs }) => formatMilliseconds(measuredMs) },
  {
    column: { title: "cycles", align: "right" },
    cell: ({ cycles }) => (cycles === undefined ? "" : formatInteger(Math.round(cycles))),
  },
  { column: { title: "MACs", align: "right" }, cell: ({ macs }) => (macs > 0 ? formatCount(macs) : "") },
  {
    column: { title: "weights", align: "right" },
    cell: ({ weightBytes }) => (weightBytes > 0 ? formatBytes(Math.round(weightBytes)) : ""),
  },
  { column: { title: "cycles/MAC", align: "right" }, cell: ({ cyclesPerMac }) => cyclesPerMac?.toPrecision(3) ?? "" },
  {
    column: { title: "estimate", align: "right" },
    cell: ({ estimateMs }) => (estimateMs === undefined ? "" : `>${formatMilliseconds(estimateMs)}`),
  },
  { column: { title: "ratio", align: "right" }, cell: ({ ratio }) => ratio?.toPrecision(3) ?? "" },
];

/** Columns in which nothing stands are left out. */
function tableOf({ paint }: TextStyle, ops: readonly LaidOp[]): string {
  const used = COLUMNS.filter(({ cell }) => ops.some((op) => cell(op) !== ""));
  return renderTable(
    used.map(({ column }) => column),
    ops.map((op) => used.map(({ cell }) => cell(op))),
    paint.dim,
  );
}

/** Two reports beside each other: what each entry and each kind of op takes, and the second by the first. */
export function selfTestComparisonText(style: TextStyle, given: readonly [SelfTestReport, SelfTestReport]): string {
  const [first, second] = [printableReport(given[0]), printableReport(given[1])];
  const name = ({ report: { device, made } }: SelfTestReport) => {
    const { board, firmware, clocks } = device;
    return `${board.name} v${board.chip_revision}, ${firmware.isa}, CPU ${megahertz(clocks.cpu_hz)}, ${made}`;
  };
  const columns: Column[] = [
    { title: "entry" },
    { title: "op" },
    { title: "first", align: "right" },
    { title: "second", align: "right" },
    { title: "ratio", align: "right" },
  ];
  const rows = (key: "entries" | "kinds") =>
    first[key].map((one) => {
      const other = second[key].find(({ entry, op }) => entry === one.entry && op === one.op);
      const ratio =
        other === undefined || one.measuredMs === 0 ? "" : (other.measuredMs / one.measuredMs).toPrecision(3);
      const ms = (op: LaidOp | undefined) => (op === undefined ? "" : formatMilliseconds(op.measuredMs));
      return [one.entry, one.op || "all", ms(one), ms(other), ratio];
    });
  return joinSections([
    renderFields(
      [
        ["first", name(first)],
        ["second", name(second)],
      ],
      style.paint.dim,
    ),
    renderTable(columns, [...rows("entries"), ...rows("kinds")], style.paint.dim),
  ]);
}
