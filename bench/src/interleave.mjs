import { setTimeout as sleep } from "node:timers/promises";
import { quantile } from "../../host/dist/report/latency.js";

/** Thread pools of the one contestant spin a moment after a run; without a pause they would take the other's core. */
const PAUSE_MS = 20;

/**
 * Runs the contestants in turn, A B A B, so that whatever else the machine does falls on all of them.
 * @param {Record<string, () => Promise<unknown>>} contestants one run each
 * @param {{ runs: number, warmups?: number }} options
 * @returns {Promise<Record<string, number[]>>} milliseconds of every run
 */
export async function interleave(contestants, { runs, warmups = 3 }) {
  const times = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  for (let i = -warmups; i < runs; i++) {
    for (const [name, run] of Object.entries(contestants)) {
      await sleep(PAUSE_MS);
      const start = performance.now();
      await run();
      if (i >= 0) times[name].push(performance.now() - start);
    }
  }
  return times;
}

export const median = (values) => quantile(values, 0.5);

/**
 * The ratio of the medians of `a` and `b`, and the quartiles of the ratios of neighbouring runs, which show how far to
 * trust it.
 * @param {readonly number[]} a
 * @param {readonly number[]} b
 */
export function compareTimes(a, b) {
  const pairs = a.map((value, i) => value / b[i]);
  return {
    ratio: median(a) / median(b),
    ratioP25: quantile(pairs, 0.25),
    ratioP75: quantile(pairs, 0.75),
    runs: a.length,
  };
}
