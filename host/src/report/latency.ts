/** Latency of repeated runs, in milliseconds. */
export interface LatencySummary {
  readonly runs: number;
  readonly latencyMsMin: number;
  readonly latencyMsP50: number;
  readonly latencyMsP90: number;
}

/** The `fraction` quantile of `values`, linear between neighbours. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) throw new RangeError("no values to take a quantile of");
  const position = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(position)] as number;
  const above = sorted[Math.ceil(position)] as number;
  return below + (above - below) * (position - Math.floor(position));
}

export function summariseLatency(latenciesMs: readonly number[]): LatencySummary {
  return {
    runs: latenciesMs.length,
    latencyMsMin: quantile(latenciesMs, 0),
    latencyMsP50: quantile(latenciesMs, 0.5),
    latencyMsP90: quantile(latenciesMs, 0.9),
  };
}
