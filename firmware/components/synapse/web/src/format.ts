/** Numbers as people read them. */

export function bytesText(bytes: number): string {
  return bytes >= 1 << 20 ? `${(bytes / (1 << 20)).toFixed(1)} MiB` : `${Math.round(bytes / 1024)} KiB`;
}

/** Two sizes that are compared: with as many digits as tell them apart. */
export function bytesPair(a: number, b: number): readonly [string, string] {
  for (const digits of [1, 2, 3]) {
    const [one, other] = [(a / (1 << 20)).toFixed(digits), (b / (1 << 20)).toFixed(digits)];
    if (one !== other && Math.max(a, b) >= 1 << 20) return [`${one} MiB`, `${other} MiB`];
  }
  return [countText(a, "byte"), countText(b, "byte")];
}

/** How long ago, as one says it. */
export function agoText(seconds: number): string {
  if (seconds < 60) return countText(Math.round(seconds), "second");
  return seconds < 3600 ? countText(Math.floor(seconds / 60), "minute") : countText(Math.floor(seconds / 3600), "hour");
}

export function durationText(us: number): string {
  if (us >= 1e6) return `${(us / 1e6).toFixed(2)} s`;
  if (us >= 1e4) return `${Math.round(us / 1e3)} ms`;
  return us >= 100 ? `${(us / 1e3).toFixed(1)} ms` : `${us} µs`;
}

export function uptimeText(us: number): string {
  const minutes = Math.floor(us / 60e6);
  if (minutes === 0) return `${Math.floor(us / 1e6)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours === 0) return `${minutes} min`;
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

export function countText(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** A number of a chart or a caption: three digits that say something. */
export function valueText(value: number): string {
  const size = Math.abs(value);
  return size >= 1000 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** How far a surprise lies from what the stream's surprises were before, in words. */
export function deviationText(zScore: number): string {
  const size = Math.abs(zScore);
  const how =
    size < 1
      ? "as usual"
      : zScore < 0
        ? "calmer than usual"
        : size < 2
          ? "a little unusual"
          : size < 3
            ? "unusual"
            : "very unusual";
  return `${how}: ${size.toFixed(1)} deviations ${zScore < 0 ? "below" : "above"} the mean`;
}
