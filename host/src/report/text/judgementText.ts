import { hasBars } from "../compareReport.js";
import { formatBytes, formatInteger, formatMilliseconds, formatPercent, plural } from "../format.js";
import { type JudgedFigures, type JudgedRow, type Judgement, reachesBars, rowName } from "../judgement.js";
import { renderFields, renderTable } from "../table.js";
import { printableReport } from "./printable.js";
import { headline, joinSections, section, type TextStyle } from "./style.js";

/** A judgement for people, on 80 columns; `--json` and the HTML report have everything. */
export function judgementText(style: TextStyle, judged: Judgement): string {
  const report = printableReport(judged);
  const { paint } = style;
  const title = [report.model, formatBytes(report.fileBytes), `against ${report.reference} in f32`, report.engine];
  return joinSections([
    headline(style, title, report.untrained),
    section(style, "Centred cosine", centredTable(style, report)),
    section(style, "Plain cosine and relative error", errorTable(style, report)),
    renderFields(
      [
        ["probe R2", probeText(report)],
        ["surprise AUROC", surpriseText(report)],
        ["judged on", judgedOn(report)],
        ["actions", actionsText(report)],
        ["calibrated by", calibratedText(report)],
        ["took", formatMilliseconds(report.elapsedMs)],
      ],
      paint.dim,
    ),
    report.warnings.map((warning) => `${paint.yellow("warning:")} ${warning}`).join("\n"),
    hasBars(report.bars) ? barText(style, report) : undefined,
  ]);
}

/** Where the actions of the rollouts come from, in words. */
export function actionsText({ actions, seed }: Judgement): string {
  const what =
    actions === "policy" ? "runs of the set's own policy, joined" : "random walks from the pack's statistics";
  return `${what}, seed ${seed}`;
}

/** What is known of the pictures that calibrated the pack, in words. */
export function calibratedText({ sets }: Judgement): string {
  if (sets.calibratedBy === "named") return "pictures that the pack names, none of them among those that judge";
  return sets.calibratedBy === "nothing" ? "nothing that the pack tells of" : "pictures that the pack does not name";
}

export function judgedOn({ sets, trajectories }: Judgement): string {
  return (
    `${plural(sets.testFrames, "frame")} of ${plural(sets.testEpisodes, "episode")}, ` +
    `${formatInteger(trajectories)} trajectories`
  );
}

function centredTable({ paint }: TextStyle, { rows, bars }: Judgement): string {
  const barred = hasBars(bars);
  const columns = [
    { title: "" },
    ...["median", "mean", "worst", "> 0.95", "> 0.99"].map((title) => ({ title, align: "right" as const })),
    { title: "half px", align: "right" as const },
    { title: "> 0.95", align: "right" as const },
    ...(barred ? [{ title: "" }] : []),
  ];
  const share = ({ shares }: JudgedFigures, at: number) => formatPercent(shares[at]?.share ?? Number.NaN);
  const cells = (row: JudgedRow) => [
    rowName(row.steps),
    ...[row.pack.centredCosine?.median, row.pack.centredCosine?.mean, row.pack.centredCosine?.worst].map(figure),
    share(row.pack, 0),
    share(row.pack, 1),
    figure(row.halfPixel.centredCosine?.median),
    share(row.halfPixel, 0),
    ...(barred ? [reachesBars(row, bars) ? paint.green("pass") : paint.red("below")] : []),
  ];
  return renderTable(columns, rows.map(cells), paint.dim);
}

function errorTable({ paint }: TextStyle, { rows }: Judgement): string {
  const right = (title: string) => ({ title, align: "right" as const });
  const columns = [{ title: "" }, ...["cosine", "worst", "rel. error", "median", "worst", "half px"].map(right)];
  const cells = ({ steps, pack, halfPixel }: JudgedRow) => [
    rowName(steps),
    ...[pack.cosine?.mean, pack.cosine?.worst].map(figure),
    ...[pack.relativeError?.mean, pack.relativeError?.median, pack.relativeError?.worst].map(error),
    error(halfPixel.relativeError?.mean),
  ];
  return renderTable(columns, rows.map(cells), paint.dim);
}

function probeText({ probe }: Judgement): string | undefined {
  if (probe === null) return undefined;
  const [f32, pack, own] = [probe.reference, probe.pack, probe.packOwn].map((value) => value.toFixed(4));
  return `f32 ${f32}, pack ${pack} (own probe ${own}), fitted on ${plural(probe.fittedOn, "frame")}`;
}

function surpriseText({ surprise }: Judgement): string | undefined {
  if (surprise === null) return undefined;
  const { reference, pack } = surprise;
  const both = (key: "sameEpisode" | "otherEpisode") => `f32 ${figure(reference[key])}, pack ${figure(pack[key])}`;
  return `same episode: ${both("sameEpisode")}; other: ${both("otherEpisode")}`;
}

function barText({ paint }: TextStyle, { bars, pass }: Judgement): string {
  const list = [
    bars.minCentredCosine === undefined ? "" : `worst centred cosine at least ${bars.minCentredCosine}`,
    bars.maxRelativeError === undefined ? "" : `worst relative error at most ${bars.maxRelativeError}`,
  ];
  const verdict = pass ? paint.green("reached by every row") : paint.red("not reached");
  return `bar: ${list.filter((text) => text !== "").join(", ")}: ${verdict}`;
}

function figure(value: number | null | undefined): string {
  return value === null || value === undefined ? "none" : value.toFixed(4);
}

function error(value: number | null | undefined): string {
  return value === null || value === undefined ? "none" : value.toPrecision(3);
}
