import { expect, test } from "vitest";
import { quantile, summariseLatency } from "./latency.js";
import { latentDistance, latentStats } from "./latentStats.js";
import { similarity, summarise } from "./similarity.js";

test("cosine ignores length, the largest error does not", () => {
  const { cosine, maxAbsError } = similarity([2, 0], [1, 0]);
  expect(cosine).toBeCloseTo(1, 12);
  expect(maxAbsError).toBe(1);
  expect(similarity([0, 1], [1, 0]).cosine).toBe(0);
});

test("not-a-number never hides behind good samples", () => {
  const bad = similarity([Number.NaN, 1], [1, 1]);
  const summary = summarise([similarity([1, 1], [1, 1]), bad]);
  expect(summary.cosineWorst).toBeNaN();
  expect(summary.cosineMean).toBeNaN();
  expect(summary.maxAbsError).toBeNaN();
});

test("mean, worst and largest error of many samples", () => {
  const summary = summarise([
    { cosine: 0.9, maxAbsError: 0.1 },
    { cosine: 0.7, maxAbsError: 0.3 },
  ]);
  expect(summary).toEqual({ count: 2, cosineMean: expect.closeTo(0.8, 12), cosineWorst: 0.7, maxAbsError: 0.3 });
});

test("vectors of different lengths are refused", () => {
  expect(() => similarity([1], [1, 2])).toThrow(RangeError);
});

test("median and p90 lie between the values", () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(summariseLatency([10, 20, 30])).toEqual({ runs: 3, latencyMsMin: 10, latencyMsP50: 20, latencyMsP90: expect.closeTo(28, 9) });
});

test("figures of a latent", () => {
  expect(latentStats([3, -4])).toEqual({ count: 2, norm: 5, mean: -0.5, min: -4, max: 3 });
  expect(latentStats([1, Number.NaN]).max).toBeNaN();
  expect(latentDistance([1, 1], [4, 5])).toBe(5);
});
