import { bar } from "../bars.js";
import { formatBytes, formatCount, formatPercent, formatShape, plural } from "../format.js";
import type { PackSummary, SizeRow } from "../packSummary.js";
import { renderFields, renderTable } from "../table.js";
import { section, type TextStyle } from "./style.js";

/** Layers that are shown before the rest becomes one line. */
const LAYERS_SHOWN = 24;

/** Size by storage type and by layer, with bars. */
export function sizesText(style: TextStyle, summary: PackSummary): string {
  const { constants } = summary;
  const total =
    `${plural(constants.tensors, "tensor")}, ${formatCount(constants.values)} values, ` +
    `${formatBytes(constants.bytes)}, ${summary.bitsPerValue.toFixed(2)} bits a value`;
  const layers = summary.byLayer.slice(0, LAYERS_SHOWN);
  const rest = summary.byLayer.slice(LAYERS_SHOWN);
  const restBytes = rest.reduce((sum, { bytes }) => sum + bytes, 0);
  const more =
    rest.length > 0 ? `\n  ${style.paint.dim(`(${rest.length} more, ${formatBytes(restBytes)}; --json has all)`)}` : "";
  return section(
    style,
    "Weights",
    `  ${total}\n\n${sizeTable(style, "type", summary.byType)}\n\n${sizeTable(style, "layer", layers)}${more}`,
  );
}

function sizeTable(style: TextStyle, title: string, rows: readonly SizeRow[]): string {
  const most = Math.max(...rows.map(({ share }) => share), Number.MIN_VALUE);
  return renderTable(
    [
      { title },
      { title: "tensors", align: "right" },
      { title: "values", align: "right" },
      { title: "size", align: "right" },
      { title: "share", align: "right" },
      { title: "" },
    ],
    rows.map((row) => [
      row.name,
      `${row.tensors}`,
      formatCount(row.values),
      formatBytes(row.bytes),
      formatPercent(row.share),
      style.paint.cyan(bar(row.share / most, 24)),
    ]),
    style.paint.dim,
  );
}

/** One op count an entry: `linear 73  layer_norm 25  attention 12`. */
export function programText(style: TextStyle, summary: PackSummary): string {
  const fields = summary.entries.map(({ name, ops, opCounts }) => {
    const counts = Object.entries(opCounts).map(([op, count]) => `${op} ${count}`);
    return [name, `${plural(ops, "op")}: ${counts.join(", ")}`] as const;
  });
  return section(style, "Program", renderFields(fields, style.paint.dim));
}

export interface PortLine {
  readonly name: string;
  readonly kind: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly dynamic: boolean;
}

export function entriesText(
  style: TextStyle,
  entries: readonly {
    readonly name: string;
    readonly inputs: readonly PortLine[];
    readonly outputs: readonly PortLine[];
  }[],
): string {
  const port = ({ name, kind, type, shape, dynamic }: PortLine) =>
    `${name} ${style.paint.dim(`${kind === "tensor" ? "" : `${kind} `}${type} ${formatShape(shape, dynamic)}`)}`;
  const lines = entries.map(
    ({ name, inputs, outputs }) =>
      `  ${style.paint.cyan(name)}  ${inputs.map(port).join(", ")}  ->  ${outputs.map(port).join(", ")}`,
  );
  return section(style, "Entry points", lines.join("\n"));
}

const REGION_USE = { fast: "activations in SRAM", slow: "activations in PSRAM", state: "kept between runs" } as const;

/** What one session needs of each region. */
export function memoryText(style: TextStyle, regions: PackSummary["regions"]): string {
  const rows = (["fast", "slow", "state"] as const).map((region) => [
    region,
    formatBytes(regions[region]),
    REGION_USE[region],
  ]);
  const columns = [{ title: "region" }, { title: "size", align: "right" }, { title: "" }] as const;
  return section(style, "Memory of one session", renderTable(columns, rows, style.paint.dim));
}
