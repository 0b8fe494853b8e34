/** How numbers look in text reports: three significant digits or so, the unit last. Exact values are for `--json`. */
import { significant } from "synapse-engine/bytesText";

export { bytesInFull, formatBytes } from "synapse-engine/bytesText";

/** `863`, `18.0 M`, `1.67 G`. Decimal prefixes, for counts of things. */
export function formatCount(count: number): string {
  if (count < 1000) return Number.isInteger(count) ? `${count}` : significant(count);
  if (count < 1e6) return `${significant(count / 1e3)} k`;
  if (count < 1e9) return `${significant(count / 1e6)} M`;
  return `${significant(count / 1e9)} G`;
}

/** `18,042,672`. */
export function formatInteger(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

/** `812 ns`, `31.2 µs`, `12.5 ms`, `1.84 s`. */
export function formatMilliseconds(ms: number): string {
  if (ms < 0.001) return `${significant(ms * 1e6)} ns`;
  if (ms < 1) return `${significant(ms * 1e3)} µs`;
  if (ms < 1000) return `${significant(ms)} ms`;
  return `${significant(ms / 1000)} s`;
}

/** `12.5 %`; anything between 0 and 0.1 % is `<0.1 %`. */
export function formatPercent(fraction: number): string {
  const percent = fraction * 100;
  if (percent > 0 && percent < 0.1) return "<0.1 %";
  return `${percent.toFixed(1)} %`;
}

/** `[3, 224, 224]`, or `[<=3, 192]` where the first dimension is a maximum. */
export function formatShape(shape: readonly number[], dynamic = false): string {
  return `[${shape.map((size, index) => (dynamic && index === 0 ? `<=${size}` : `${size}`)).join(", ")}]`;
}

/** One value of a latent: fixed width, so that columns line up. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return String(value).padStart(8);
  const magnitude = Math.abs(value);
  const text = magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e4) ? value.toExponential(1) : value.toFixed(4);
  return text.padStart(8);
}

/** A cosine needs more digits the closer it comes to one. */
export function formatCosine(value: number): string {
  return Number.isFinite(value) ? value.toFixed(6) : String(value);
}

/** `1 op`, `2 ops`. */
export function plural(count: number, noun: string): string {
  return `${formatInteger(count)} ${noun}${count === 1 ? "" : "s"}`;
}
