import type { ComparisonRow } from "../../engine/compareModels.js";
import { formatCosine } from "../format.js";
import { renderTable } from "../table.js";
import { printableReport } from "./printable.js";
import { headline, joinSections, type TextStyle } from "./style.js";

export interface CompareReport {
  readonly command: "compare";
  readonly model: string;
  readonly reference: string;
  readonly engine: string;
  readonly untrained: boolean;
  readonly rows: readonly ComparisonRow[];
  readonly minCosine: number | undefined;
  /** True when every worst cosine reaches `minCosine`, or when there is no bar. */
  readonly pass: boolean;
}

/** A row passes when its worst cosine reaches the bar; NaN never does. */
export function passes(row: ComparisonRow, minCosine: number | undefined): boolean {
  return minCosine === undefined || row.cosineWorst >= minCosine;
}

export function compareText(style: TextStyle, compared: CompareReport): string {
  const report = printableReport(compared);
  const { paint } = style;
  const barred = report.minCosine !== undefined;
  const columns = [
    { title: "what" },
    { title: "cosine mean", align: "right" },
    { title: "cosine worst", align: "right" },
    { title: "max abs error", align: "right" },
    { title: "inputs" },
    ...(barred ? [{ title: "" }] : []),
  ] as const;
  const rows = report.rows.map((row) => {
    const pass = passes(row, report.minCosine);
    const verdict = pass ? paint.green("pass") : paint.red("below");
    return [
      row.what,
      formatCosine(row.cosineMean),
      formatCosine(row.cosineWorst),
      row.maxAbsError.toPrecision(3),
      row.inputs,
      ...(barred ? [verdict] : []),
    ];
  });
  const verdict = report.pass ? paint.green("every worst cosine reaches it") : paint.red("not reached");
  return joinSections([
    headline(style, [report.model, `against ${report.reference} in f32`, report.engine], report.untrained),
    renderTable(columns, rows, paint.dim),
    barred ? `bar: cosine ${report.minCosine}: ${verdict}` : undefined,
  ]);
}
