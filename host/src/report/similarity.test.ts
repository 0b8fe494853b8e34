import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isMeasurable, passes } from "./compareReport.js";
import { quantile, summariseLatency } from "./latency.js";
import { latentDistance, latentStats } from "./latentStats.js";
import { type SimilaritySummary, similarity, summarise } from "./similarity.js";

interface Case {
  readonly what: string;
  readonly expected: readonly (readonly (number | "NaN" | "Infinity")[])[];
  readonly actual: readonly (readonly (number | "NaN" | "Infinity")[])[];
  /** Number of each row within its run; all 0 when absent. */
  readonly rows?: readonly number[];
  /** Mean and worst. */
  readonly figures: Readonly<
    Record<"cosine" | "centredCosine" | "relativeError", readonly [number | "NaN", number | "NaN"] | null>
  >;
}

/** Held against training/diagnostics.py too, by training/tests/test_diagnostics.py. */
const CASES = JSON.parse(readFileSync(new URL("similarity.cases.json", import.meta.url), "utf8")) as Case[];

test.each(CASES)("$what", ({ expected, actual, rows, figures }) => {
  const vectors = actual.map((vector, index) => ({
    ...pair(vector.map(Number), (expected[index] as readonly number[]).map(Number)),
    row: rows?.[index] ?? 0,
  }));
  const summary = summarise(vectors) as SimilaritySummary & Record<string, number | null>;
  for (const [name, want] of Object.entries(figures)) {
    for (const [kind, index] of [["Mean", 0] as const, ["Worst", 1] as const]) {
      const found = summary[`${name}${kind}`];
      if (want === null) expect(found, `${name}${kind}`).toBeNull();
      else if (want[index] === "NaN") expect(found, `${name}${kind}`).toBeNaN();
      else expect(found, `${name}${kind}`).toBeCloseTo(want[index], 9);
    }
  }
});

test("as many samples as anybody has are summarised, and not-a-number is found among them", () => {
  const samples = Array.from({ length: 200_000 }, (_, index) => pair([index % 7, 1], [index % 7, 1]));
  expect(summarise(samples)).toMatchObject({
    count: 200_000,
    cosineWorst: 1,
    centredCosineWorst: 1,
    relativeErrorWorst: 0,
    maxAbsError: 0,
  });
  samples[150_000] = pair([Number.NaN, 1], [1, 1]);
  for (const figure of ["cosineWorst", "centredCosineWorst", "relativeErrorWorst", "maxAbsError"] as const)
    expect(summarise(samples)[figure], figure).toBeNaN();
});

test("cosine ignores length, keeps its sign, and the largest error does neither", () => {
  const { cosine, maxAbsError } = similarity([2, 0], [1, 0]);
  expect(cosine).toBeCloseTo(1, 12);
  expect(maxAbsError).toBe(1);
  expect(similarity([0, 1], [1, 0]).cosine).toBe(0);
  expect(similarity([-3, 0], [1, 0])).toEqual({ cosine: -1, maxAbsError: 4 });
});

const pair = (actual: number[], expected: number[]) => ({ actual, expected });
/** The angle between two vectors of the plane, in turns of a full circle. */
const at = (turns: number, length = 1) => [
  length * Math.cos(2 * Math.PI * turns),
  length * Math.sin(2 * Math.PI * turns),
];

test("not-a-number never hides behind good samples", () => {
  for (const bad of [pair([Number.NaN, 1], [1, 1]), pair([1, 1], [Number.NaN, 1])]) {
    for (const samples of [
      [pair([2, 1], [2, 1]), bad],
      [bad, pair([1, 2], [1, 2])],
    ]) {
      const { count, positions, ...figures } = summarise(samples);
      expect({ count, positions }).toEqual({ count: 2, positions: 1 });
      for (const [name, figure] of Object.entries(figures)) expect(figure, name).toBeNaN();
    }
  }
});

test("mean, worst and largest error of many samples, wherever the worst one stands", () => {
  const samples = [pair(at(0.05), at(0)), pair(at(0.1, 3), at(0)), pair(at(0), at(0))];
  for (const order of [samples, samples.toReversed(), [samples[1], samples[0], samples[2]] as typeof samples]) {
    const { count, cosineMean, cosineWorst, maxAbsError } = summarise(order);
    const cosines = [0, 0.05, 0.1].map((turns) => Math.cos(2 * Math.PI * turns));
    expect(count).toBe(3);
    expect(cosineWorst).toBeCloseTo(cosines[2] as number, 12);
    expect(cosineMean).toBeCloseTo(((cosines[0] as number) + (cosines[1] as number) + (cosines[2] as number)) / 3, 12);
    expect(maxAbsError).toBeCloseTo(3 * Math.sin(2 * Math.PI * 0.1), 12);
  }
});

test("centred figures see what a large common part hides", () => {
  const common = 100;
  const around = (turns: number) => at(turns).map((value) => value + common);
  const expected = [0, 0.25, 0.5, 0.75].map(around);
  // One is turned by a sixth of a circle about the mean, the others are right.
  const summary = summarise(expected.map((vector, index) => pair(index === 1 ? around(0.25 + 1 / 6) : vector, vector)));
  expect(summary.cosineWorst).toBeGreaterThan(0.99995);
  expect(summary.centredCosineWorst).toBeCloseTo(Math.cos(Math.PI / 3), 9);
  expect(summary.centredCosineMean).toBeCloseTo((3 + Math.cos(Math.PI / 3)) / 4, 9);
  // Four unit vectors of the plane: each column has 2 / (n - 1) of variance. Two of them a sixth of a circle apart are
  // 1 apart.
  expect(summary.relativeErrorWorst).toBeCloseTo(0.5 / (2 / 3), 9);
  expect(summary.relativeErrorMean).toBeCloseTo(0.5 / (2 / 3) / 4, 9);
});

test("a model that answers everything alike has a centred cosine of 0 on the whole", () => {
  const expected = [at(0), at(0.25), at(0.5), at(0.75)];
  const summary = summarise(expected.map((vector) => pair([0.5, 0.5], vector)));
  expect(summary.centredCosineMean).toBeCloseTo(0, 9);
  expect(summary.centredCosineWorst).toBeCloseTo(-Math.SQRT1_2, 9);
});

test("of one sample, or of equal ones that are answered by others, there is no centred cosine and no relative error", () => {
  const none = { centredCosineMean: null, centredCosineWorst: null, relativeErrorMean: null, relativeErrorWorst: null };
  const third = 1 / 3;
  expect(summarise([pair([1, 2], [1, 2])])).toMatchObject(none);
  expect(summarise(Array.from({ length: 3 }, () => pair([1, 2], [third, 0.1])))).toMatchObject(none);
  expect(summarise([pair([1, 2], [1, 2]), pair([1, 2], [1, 2.001])]).centredCosineWorst).not.toBeNull();
});

test("what matches perfectly passes every bar, and one sample is no measure", () => {
  const bars = { minCentredCosine: 1, maxRelativeError: 0 };
  for (const { what, expected, actual, rows } of CASES.filter(
    (each) => JSON.stringify(each.expected) === JSON.stringify(each.actual) && !each.what.startsWith("not-a-number"),
  )) {
    const samples = actual.map((vector, index) => ({
      ...pair(vector as number[], expected[index] as number[]),
      row: rows?.[index] ?? 0,
    }));
    const row = { ...summarise(samples), what: "encode", inputs: "", against: "expected" as const };
    const measured = samples.length > new Set(samples.map(({ row: number }) => number)).size;
    expect(isMeasurable(row, bars), what).toBe(measured);
    expect(passes(row, bars), what).toBe(measured);
    expect(isMeasurable(row, {}), what).toBe(true);
  }
});

test("vectors of different lengths are refused", () => {
  expect(() => similarity([1], [1, 2])).toThrow(RangeError);
  expect(() => summarise([pair([1], [1]), pair([1, 2], [1, 2])])).toThrow(RangeError);
  expect(() => summarise([])).toThrow(RangeError);
});

test("median and p90 lie between the values", () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(summariseLatency([10, 20, 30])).toEqual({
    runs: 3,
    latencyMsMin: 10,
    latencyMsP50: 20,
    latencyMsP90: expect.closeTo(28, 9),
  });
});

test("figures of a latent", () => {
  expect(latentStats([3, -4])).toEqual({ count: 2, norm: 5, mean: -0.5, min: -4, max: 3 });
  expect(latentStats([1, Number.NaN]).max).toBeNaN();
  expect(latentDistance([1, 1], [4, 5])).toBe(5);
});
