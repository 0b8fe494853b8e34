import { formatBytes, formatInteger, formatMilliseconds, plural } from "../format.js";
import type { PackReport } from "../packReport.js";
import { renderFields } from "../table.js";
import { boardsText } from "./inspectText.js";
import { metadataText } from "./metadataText.js";
import { memoryText, sizesText } from "./packText.js";
import { printableReport } from "./printable.js";
import { headline, joinSections, type TextStyle } from "./style.js";

export function packReportText(style: TextStyle, packed: PackReport): string {
  const { paint } = style;
  const report = printableReport(packed);
  const fields = renderFields(
    [
      [
        "from",
        `${report.checkpoint.path} (${report.checkpoint.format}${dictText(report.weights.stateDict)}), ` +
          `${report.config}`,
      ],
      ["types", [report.types, ...fallbackLines(report.fallbacks)].join("; ")],
      ["metadata", metadataText(report.metadata)],
      ["self-test", report.goldenCount > 0 ? `${plural(report.goldenCount, "golden vector")}, passed` : "none"],
      ["sha256", report.sha256],
      ["took", formatMilliseconds(report.elapsedMs)],
    ],
    paint.dim,
  );
  const size = `${formatBytes(report.fileBytes)} (${formatInteger(report.fileBytes)} bytes)`;
  return joinSections([
    `${headline(style, [report.name, report.output, size], report.untrained)}\n${fields}`,
    sizesText(style, report.summary),
    memoryText(style, report.summary.regions),
    report.boards.length > 0 ? boardsText(style, report.boards) : undefined,
  ]);
}

/** Which dict of a torch file, where it is not the whole of it. */
function dictText(stateDict: string | null): string {
  return stateDict ? `, dict "${stateDict}"` : "";
}

/** One for each type and reason, in the order in which they first occur: how many tensors, or which one. */
export function fallbackLines(fallbacks: PackReport["fallbacks"]): string[] {
  const groups = new Map<string, string[]>();
  for (const { tensor, type, reason } of fallbacks) {
    const key = `in ${type}: ${reason}`;
    groups.set(key, [...(groups.get(key) ?? []), tensor]);
  }
  return [...groups].map(
    ([key, tensors]) => `${tensors.length > 1 ? plural(tensors.length, "tensor") : tensors[0]} ${key}`,
  );
}
