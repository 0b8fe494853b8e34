import { escaped } from "./markup.js";

const WIDTH = 640;
const HEIGHT = 300;
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 16, 12, 40];
/** Distances from 1 on the axis of cosines, from far to near: nearer than the last is drawn there. */
const [FARTHEST, NEAREST] = [2, 1e-5];

/** A line of medians with bands from the first to the last of the quantiles, over named places. */
export interface QuantileSeries {
  readonly kind: "first" | "second";
  /** For each place ascending quantiles, the median in the middle; null where there is nothing. */
  readonly quantiles: readonly (readonly number[] | null)[];
}

/** Cosines over places, on an axis of the distance from 1: 0.99, 0.999 and 0.9999 lie equally far apart. */
export function quantilePlot(label: string, places: readonly string[], series: readonly QuantileSeries[]): string {
  const x = (at: number) => LEFT + ((WIDTH - LEFT - RIGHT) * (at + 0.5)) / places.length;
  const drawn = series.flatMap(({ kind, quantiles }) => {
    const known = quantiles.flatMap((list, at) => (list?.every(Number.isFinite) ? [{ at, list }] : []));
    if (known.length === 0) return [];
    const points = (pick: (list: readonly number[]) => number | undefined) =>
      known.map(({ at, list }) => `${x(at).toFixed(1)},${cosineY(pick(list) as number).toFixed(1)}`);
    const median = points((list) => list[(list.length - 1) / 2]);
    const band = [...points((list) => list[0]), ...points((list) => list.at(-1)).reverse()];
    return [
      `<polygon class="band ${kind}" points="${band.join(" ")}"/>`,
      `<path class="${kind}" d="M${median.join("L")}"/>`,
    ];
  });
  const levels = [0, 0.9, 0.99, 0.999, 0.9999].map((level) => gridLine(cosineY(level), String(level)));
  const names = places.map((place, at) => axisName(x(at), place));
  return svg(label, [...levels, ...names, ...drawn]);
}

/** Bars of shares side by side in named bins. */
export function histogramPlot(
  label: string,
  bins: readonly string[],
  series: readonly { readonly kind: "first" | "second"; readonly shares: readonly number[] }[],
): string {
  const most = Math.max(...series.flatMap(({ shares }) => shares), 1e-9);
  const [inner, step] = [HEIGHT - TOP - BOTTOM, (WIDTH - LEFT - RIGHT) / bins.length];
  const thick = (step * 0.8) / series.length;
  const bars = series.flatMap(({ kind, shares }, which) =>
    shares.map((share, bin) => {
      const height = (share / most) * inner;
      const at = LEFT + bin * step + step * 0.1 + which * thick;
      const place = `x="${at.toFixed(1)}" y="${(TOP + inner - height).toFixed(1)}"`;
      return `<rect class="bar ${kind}" ${place} width="${thick.toFixed(1)}" height="${height.toFixed(1)}"/>`;
    }),
  );
  const levels = [0, 0.5, 1].map((part) => gridLine(TOP + inner * (1 - part), `${(100 * most * part).toFixed(0)} %`));
  const names = bins.map((bin, at) => axisName(LEFT + (at + 0.5) * step, bin));
  return svg(label, [...levels, ...names, ...bars]);
}

function cosineY(cosine: number): number {
  const distance = Math.log10(Math.min(Math.max(1 - cosine, NEAREST), FARTHEST));
  const [far, near] = [Math.log10(FARTHEST), Math.log10(NEAREST)];
  return TOP + ((HEIGHT - TOP - BOTTOM) * (distance - near)) / (far - near);
}

function gridLine(y: number, name: string): string {
  const at = y.toFixed(1);
  return (
    `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>` +
    `<text x="${LEFT - 6}" y="${at}" text-anchor="end" dominant-baseline="middle">${escaped(name)}</text>`
  );
}

function axisName(x: number, name: string): string {
  return `<text x="${x.toFixed(1)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${escaped(name)}</text>`;
}

function svg(label: string, parts: readonly string[]): string {
  const name = escaped(label);
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${name}">\n${parts.join("\n")}\n</svg>`;
}
