import { sparkLines } from "../bars.js";
import { formatMilliseconds, formatShape, formatValue, plural } from "../format.js";
import type { EngineSummary, OutputReport, RolloutReport, RunReport, RunTiming } from "../runReport.js";
import { renderFields, renderTable } from "../table.js";
import { latentText } from "./latentText.js";
import { printableReport } from "./printable.js";
import { headline, joinSections, type TextStyle } from "./style.js";

const ROLLOUT_ROWS_MAX = 20;

export function runText(style: TextStyle, run: RunReport): string {
  const report = printableReport(run);
  const { model, entry, engine } = report;
  return joinSections([
    headline(style, [model.name, entry, engineText(engine)], model.untrained),
    inputsText(style, report.inputs),
    ...report.outputs.map((output) => outputText(style, output)),
    timingText(style, report.timing, "run"),
  ]);
}

/**
 * A rollout as a table of steps: how far the latent moves, and what it looks like. Long ones show first and last steps.
 */
export function rolloutText(style: TextStyle, rollout: RolloutReport): string {
  const report = printableReport(rollout);
  const { model, engine, latents } = report;
  const strip = Math.max(16, Math.min(64, style.width - 44));
  const shown = latents
    .map((_, step) => step)
    .filter((step) => step < ROLLOUT_ROWS_MAX - 4 || step >= latents.length - 4);
  const rows = shown.map((step) => [
    step === 0 ? "start" : `${step}`,
    step === 0 ? "" : formatValue(report.stepDistances[step] as number).trim(),
    step === 0 ? "" : formatValue(report.startDistances[step] as number).trim(),
    sparkLines(latents[step] as Float32Array, strip, 1, (glyph, value) =>
      value >= 0 ? style.paint.red(glyph) : style.paint.blue(glyph),
    )[0] as string,
  ]);
  const left = latents.length - shown.length;
  const columns = [
    { title: "step", align: "right" },
    { title: "moved", align: "right" },
    { title: "from start", align: "right" },
    { title: "latent" },
  ] as const;
  return joinSections([
    headline(style, [model.name, `rollout of ${plural(report.steps, "step")}`, engineText(engine)], model.untrained),
    inputsText(style, report.inputs),
    renderTable(columns, rows, style.paint.dim) +
      (left > 0 ? `\n  ${style.paint.dim(`(${plural(left, "step")} between not shown; --json has all)`)}` : ""),
    timingText(style, report.timing, `${formatMilliseconds(report.timing.stepMsMean)} a step; all steps`),
  ]);
}

function outputText(style: TextStyle, output: OutputReport): string {
  const { name, values, shape } = output;
  if (!(values instanceof Float32Array)) {
    const some = Array.from(values.subarray(0, 16)).join(" ");
    return renderFields(
      [[name, `${output.type} ${formatShape(shape)}   ${some}${values.length > 16 ? " …" : ""}`]],
      style.paint.dim,
    );
  }
  const columns = shape.at(-1) as number;
  const rows = values.length / columns;
  if (rows === 1) return latentText(style, name, values);
  return Array.from({ length: Math.min(rows, 8) }, (_, row) =>
    latentText(style, `${name}[${row}]`, values.subarray(row * columns, (row + 1) * columns)),
  ).join("\n");
}

function inputsText(style: TextStyle, inputs: RunReport["inputs"]): string {
  return renderFields(
    inputs.map(({ port, file }) => [port, file] as const),
    style.paint.dim,
  );
}

function timingText(style: TextStyle, timing: RunTiming, what: string): string {
  const parts =
    `${what} ${formatMilliseconds(timing.runMs)}   (open ${formatMilliseconds(timing.openMs)}, inputs ` +
    `${formatMilliseconds(timing.inputMs)})`;
  return renderFields([["time", parts]], style.paint.dim);
}

function engineText({ name, isa, threads }: EngineSummary): string {
  return `${name} (${isa}${threads > 1 ? `, ${threads} threads` : ""})`;
}
