const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;
const LEVELS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/**
 * A horizontal bar of `fraction` (0..1) of `width` columns, in steps of an eighth of a column; at least a sliver when
 * above zero.
 */
export function bar(fraction: number, width: number): string {
  const limited = Number.isFinite(fraction) ? Math.min(Math.max(fraction, 0), 1) : 0;
  const eighths = Math.max(Math.round(limited * width * 8), limited > 0 ? 1 : 0);
  return "█".repeat(Math.floor(eighths / 8)) + EIGHTHS[(eighths % 8) as 0];
}

/** What a strip does with one glyph, e.g. colour it by the sign of its value. */
export type PaintGlyph = (glyph: string, value: number) => string;

/**
 * Values as block glyphs, lowest `▁` to highest `█`, in lines of at most `width` columns of equal length. When
 * `linesMax` lines of `width` cannot hold all values, neighbours are averaged. A value that is not finite shows as `?`.
 */
export function sparkLines(
  values: ArrayLike<number>,
  width: number,
  linesMax: number,
  paint: PaintGlyph = (glyph) => glyph,
): string[] {
  const pooled = pool(values, Math.max(1, Math.min(values.length, width * linesMax)));
  const finite = pooled.filter(Number.isFinite);
  const low = finite.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = finite.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const columns = Math.ceil(pooled.length / Math.ceil(pooled.length / width));
  const lines: string[] = [];
  for (let start = 0; start < pooled.length; start += columns) {
    lines.push(
      pooled
        .slice(start, start + columns)
        .map((value) => paint(glyphOf(value, low, high), value))
        .join(""),
    );
  }
  return lines;
}

function glyphOf(value: number, low: number, high: number): string {
  if (!Number.isFinite(value)) return "?";
  const level = high > low ? Math.floor(((value - low) / (high - low)) * LEVELS.length) : 3;
  return LEVELS[Math.min(level, LEVELS.length - 1)] as string;
}

function pool(values: ArrayLike<number>, buckets: number): number[] {
  if (values.length === 0) return [];
  return Array.from({ length: buckets }, (_, bucket) => {
    const from = Math.floor((bucket * values.length) / buckets);
    const to = Math.max(from + 1, Math.floor(((bucket + 1) * values.length) / buckets));
    let sum = 0;
    for (let index = from; index < to; index++) sum += values[index] as number;
    return sum / (to - from);
  });
}
