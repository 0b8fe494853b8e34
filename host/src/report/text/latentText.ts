import { sparkLines } from "../bars.js";
import { formatValue } from "../format.js";
import { latentStats } from "../latentStats.js";
import { renderFields } from "../table.js";
import type { TextStyle } from "./style.js";

const FIRST_VALUES = 6;

/** A latent at a glance: figures, a strip of all values (red above zero, blue below), the first few values. */
export function latentText(style: TextStyle, name: string, values: Float32Array): string {
  const { paint, width } = style;
  const stats = latentStats(values);
  const strip = sparkLines(values, Math.min(64, width - 14), 4, (glyph, value) =>
    value >= 0 ? paint.red(glyph) : paint.blue(glyph),
  );
  const first = Array.from(values.subarray(0, FIRST_VALUES), formatValue).join(" ");
  const more = values.length > FIRST_VALUES ? ` … ${formatValue(values.at(-1) as number)}` : "";
  const figures = [
    ["norm", stats.norm],
    ["mean", stats.mean],
    ["min", stats.min],
    ["max", stats.max],
  ] as const;
  const fields: [string, string][] = [
    [
      name,
      `${stats.count} values   ` +
        `${figures.map(([label, value]) => `${paint.dim(label)} ${formatValue(value).trim()}`).join("   ")}`,
    ],
    ...strip.map((line): [string, string] => ["", line]),
    ["values", `${first}${more}`],
  ];
  return renderFields(fields, paint.dim);
}
