import type { CompressReport, QuantisedWeight } from "../compressReport.js";
import { formatBytes, formatInteger, formatMilliseconds, plural } from "../format.js";
import { renderFields, renderTable } from "../table.js";
import { comparisonTable } from "./compareText.js";
import { fallbackLines } from "./packReportText.js";
import { printableReport } from "./printable.js";
import { headline, joinSections, section, type TextStyle } from "./style.js";

/** Of so many weights the text tells the error; JSON has all. */
const SHOWN = 12;

export function compressText(style: TextStyle, compressed: CompressReport): string {
  const report = printableReport(compressed);
  const { recipe, calibration } = report;
  const { paint } = style;
  const resumed = calibration.resumedRuns > 0 ? `, ${calibration.resumedRuns} of them kept from before` : "";
  const fields = renderFields(
    [
      ["from", `${report.checkpoint}, ${report.config}`],
      ["types", [report.types, ...fallbackLines(report.fallbacks)].join("; ")],
      [
        "calibration",
        `${calibration.source ?? "seeded inputs"}: ${plural(recipe.pictures, "picture")}, ` +
          `${plural(calibration.runs, "run")}${resumed}`,
      ],
      ["method", "GPTQ, centred moments of plain rows, biases corrected"],
      ["to nearest", report.nearest.length === 0 ? undefined : plural(report.nearest.length, "weight")],
      ["sha256", report.sha256],
      ["took", formatMilliseconds(report.elapsedMs)],
    ],
    paint.dim,
  );
  const size = `${formatBytes(report.fileBytes)} (${formatInteger(report.fileBytes)} bytes)`;
  return joinSections([
    `${headline(style, [report.name, report.output, size], report.untrained)}\n${fields}`,
    section(style, "By type (error of outputs on calibration)", typesTable(style, report.weights)),
    section(style, `Largest errors of ${plural(report.weights.length, "weight")}`, weightsTable(style, report.weights)),
    report.judged === null
      ? undefined
      : section(
          style,
          `Against f32 on ${report.judged.source}, which calibration has not seen`,
          comparisonTable(style, { rows: report.judged.rows, bars: {}, reference: null, expected: null }),
        ),
  ]);
}

const ERRORS = ["error", "worst", "to nearest", "worst"].map((title) => ({ title, align: "right" as const }));

function typesTable({ paint }: TextStyle, weights: readonly QuantisedWeight[]): string {
  const types = [...new Set(weights.map(({ type }) => type))];
  const rows = types.map((type) => {
    const own = weights.filter((weight) => weight.type === type);
    const figures = (values: readonly number[]) => [mean(values), Math.max(...values)].map(figure);
    return [
      type,
      `${own.length}`,
      formatInteger(own.reduce((sum, { bytes }) => sum + bytes, 0)),
      ...figures(own.map(({ relativeError }) => relativeError)),
      ...figures(own.map(({ nearestError }) => nearestError)),
    ];
  });
  const columns = [
    { title: "type" },
    ...["weights", "bytes"].map((title) => ({ title, align: "right" as const })),
    ...ERRORS,
  ];
  return renderTable(columns, rows, paint.dim);
}

function weightsTable({ paint }: TextStyle, weights: readonly QuantisedWeight[]): string {
  const shown = [...weights].sort((a, b) => b.relativeError - a.relativeError).slice(0, SHOWN);
  const rows = shown.map(({ name, type, shape, bytes, rows, relativeError, nearestError }) => [
    name,
    type,
    shape.join(" x "),
    formatInteger(bytes),
    formatInteger(rows),
    figure(relativeError),
    figure(nearestError),
  ]);
  const right = (title: string) => ({ title, align: "right" as const });
  const columns = [
    { title: "weight" },
    { title: "type" },
    ...["shape", "bytes", "rows", "error", "to nearest"].map(right),
  ];
  return renderTable(columns, rows, paint.dim);
}

const figure = (value: number) => value.toPrecision(3);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
