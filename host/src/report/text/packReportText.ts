import type { PackReport } from "../../engine/packCheckpoint.js";
import { formatBytes, formatInteger, formatMilliseconds, plural } from "../format.js";
import { renderFields } from "../table.js";
import { boardsText } from "./inspectText.js";
import { metadataText } from "./metadataText.js";
import { memoryText, sizesText } from "./packText.js";
import { headline, joinSections, type TextStyle } from "./style.js";

export function packReportText(style: TextStyle, report: PackReport): string {
  const { paint } = style;
  const [first] = report.fallbacks;
  const fields = renderFields(
    [
      ["from", `${report.checkpoint.path} (${report.checkpoint.format}), ${report.config}`],
      ["types", `${report.types}${first ? `; ${plural(report.fallbacks.length, "tensor")} fell back: ${first.reason}` : ""}`],
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
