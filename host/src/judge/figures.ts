import type { JudgedFigures, Spread } from "../report/judgement.js";
import { HISTOGRAM_EDGES, QUANTILES } from "../report/judgement.js";
import { type SamplePair, sampleFigures } from "../report/similarity.js";
import { ascending, quantile, wilson } from "./statistics.js";

const SHARES_ABOVE = [0.95, 0.99] as const;

/** What is told of pairs of vectors; at least one. */
export function judgedFigures(samples: readonly SamplePair[]): JudgedFigures {
  const { cosines, centred, relativeErrors } = sampleFigures(samples);
  return {
    count: samples.length,
    cosine: cosines.length === 0 ? null : spreadOf(cosines, "least"),
    centredCosine: centred && spreadOf(centred, "least"),
    relativeError: relativeErrors && spreadOf(relativeErrors, "most"),
    shares: SHARES_ABOVE.map((above) => {
      const reached = (centred ?? []).filter((value) => value > above).length;
      const [low, high] = wilson(reached, samples.length);
      return { above, share: reached / samples.length, low, high };
    }),
    histogram: histogram(centred ?? []),
  };
}

/** For each pair whether its centred cosine is above `above`. */
export function reaches(samples: readonly SamplePair[], above: number): boolean[] {
  return (sampleFigures(samples).centred ?? samples.map(() => Number.NaN)).map((value) => value > above);
}

function spreadOf(values: readonly number[], worst: "least" | "most"): Spread {
  const sorted = ascending(values);
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    median: quantile(sorted, 0.5),
    worst: (worst === "least" ? sorted[0] : sorted.at(-1)) as number,
    quantiles: QUANTILES.map((share) => quantile(sorted, share)),
  };
}

/** Counts between the edges; what is below the first is in a bin of its own before them. */
function histogram(values: readonly number[]): number[] {
  const counts = HISTOGRAM_EDGES.map(() => 0);
  for (const value of values) {
    const bin = HISTOGRAM_EDGES.findIndex((edge) => value < edge);
    const at = bin < 0 ? counts.length - 1 : bin;
    if (!Number.isNaN(value)) counts[at] = (counts[at] as number) + 1;
  }
  return counts;
}
