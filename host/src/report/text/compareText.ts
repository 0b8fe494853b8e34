import { type CompareReport, type ComparisonRow, hasBars, passes, type SimilarityBars } from "../compareReport.js";
import { formatCosine } from "../format.js";
import { renderTable } from "../table.js";
import { printableReport } from "./printable.js";
import { headline, joinSections, type TextStyle } from "./style.js";

const UNDEFINED = "undefined";
const NEEDED = "centred figures need two samples that differ, or more (of rows: two runs)";

export function compareText(style: TextStyle, compared: CompareReport): string {
  const report = printableReport(compared);
  const against = [report.reference && `${report.reference} in f32`, report.expected].filter((name) => name !== null);
  const undefinedRows = report.rows.some(({ centredCosineWorst }) => centredCosineWorst === null);
  return joinSections([
    headline(style, [report.model, `against ${against.join(" and ")}`, report.engine], report.untrained),
    comparisonTable(style, report),
    undefinedRows ? `  ${style.paint.dim(`${UNDEFINED}: ${NEEDED}`)}` : undefined,
    hasBars(report.bars) ? barsText(style, report) : undefined,
    report.notSeen === null ? undefined : style.paint.dim(`not seen: ${report.notSeen}`),
  ]);
}

export function comparisonTable(
  { paint }: TextStyle,
  { rows, bars, reference, expected }: Pick<CompareReport, "rows" | "bars" | "reference" | "expected">,
): string {
  const barred = hasBars(bars);
  const both = reference !== null && expected !== null;
  const right = (title: string) => ({ title, align: "right" as const });
  const columns = [
    { title: "what" },
    ...["cosine", "worst", "centred", "worst", "rel. error", "worst", "max error"].map(right),
    { title: "inputs" },
    ...(both ? [{ title: "against" }] : []),
    ...(barred ? [{ title: "" }] : []),
  ];
  const cells = (row: ComparisonRow) => [
    row.what,
    ...[row.cosineMean, row.cosineWorst, row.centredCosineMean, row.centredCosineWorst].map((value) =>
      orUndefined(value, formatCosine),
    ),
    ...[row.relativeErrorMean, row.relativeErrorWorst].map((value) =>
      orUndefined(value, (error) => error.toPrecision(3)),
    ),
    row.maxAbsError.toPrecision(3),
    row.inputs,
    ...(both ? [row.against] : []),
    ...(barred ? [passes(row, bars) ? paint.green("pass") : paint.red("below")] : []),
  ];
  return renderTable(columns, rows.map(cells), paint.dim);
}

function orUndefined(value: number | null, format: (value: number) => string): string {
  return value === null ? UNDEFINED : format(value);
}

function barsText({ paint }: TextStyle, { bars, pass }: CompareReport): string {
  const verdict = pass ? paint.green("reached by every row") : paint.red("not reached");
  return `bar: ${barList(bars).join(", ")}: ${verdict}`;
}

function barList({ minCentredCosine, maxRelativeError }: SimilarityBars): string[] {
  return [
    ...(minCentredCosine === undefined ? [] : [`worst centred cosine at least ${minCentredCosine}`]),
    ...(maxRelativeError === undefined ? [] : [`worst relative error at most ${maxRelativeError}`]),
  ];
}
