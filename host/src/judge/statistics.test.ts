import { describe, expect, test } from "vitest";
import { seededNumbers } from "./seededNumbers.js";
import { ascending, auroc, mcnemarExact, quantile, wilson } from "./statistics.js";

const rounded = (values: readonly number[]) => values.map((value) => Number(value.toFixed(4)));

test("quantiles are those of numpy's linear method", () => {
  const sorted = ascending([7, 1, 3, 10, 2]);
  expect([0, 0.05, 0.25, 0.5, 0.9, 1].map((share) => quantile(sorted, share))).toEqual([1, 1.2, 2, 3, 8.8, 10]);
  expect(quantile(ascending([4, 1, 3, 2]), 0.5)).toBe(2.5);
  expect(quantile(ascending([5]), 0.95)).toBe(5);
});

test("a value that is no number makes every quantile none", () => {
  expect(quantile(ascending([1, Number.NaN, 2]), 0)).toBeNaN();
});

test("Wilson's intervals are those of the tables, at the ends of the scale too", () => {
  expect(rounded(wilson(8, 10))).toEqual([0.4902, 0.9433]);
  expect(rounded(wilson(0, 50))).toEqual([0, 0.0713]);
  expect(rounded(wilson(50, 50))).toEqual([0.9287, 1]);
});

describe("McNemar's exact test", () => {
  test("is the two-sided binomial", () => {
    expect(mcnemarExact(3, 0)).toBeCloseTo(2 / 8, 12);
    expect(mcnemarExact(1, 3)).toBeCloseTo((2 * (1 + 4)) / 16, 12);
    expect(mcnemarExact(10, 2)).toBeCloseTo((2 * (1 + 12 + 66)) / 4096, 12);
    expect(mcnemarExact(2, 10)).toBeCloseTo(mcnemarExact(10, 2), 12);
  });

  test("finds nothing where two contestants differ as often either way, or never", () => {
    expect(mcnemarExact(0, 0)).toBe(1);
    expect(mcnemarExact(5, 5)).toBe(1);
  });

  test("counts thousands of pairs", () => {
    // scipy.stats.binomtest(900, 2000).pvalue
    expect(mcnemarExact(900, 1100)).toBeCloseTo(8.5e-6, 6);
  });
});

test("the AUROC counts pairs, ties half", () => {
  const random = seededNumbers(3, 0);
  const draw = (count: number, shift: number) => Array.from({ length: count }, () => random.below(12) + shift);
  const [negatives, positives] = [draw(40, 0), draw(30, 4)];
  let wins = 0;
  for (const positive of positives)
    for (const negative of negatives) wins += positive > negative ? 1 : positive === negative ? 0.5 : 0;
  expect(auroc(negatives, positives)).toBeCloseTo(wins / 1200, 12);
  expect(auroc([1, 2], [3, 4])).toBe(1);
  expect(auroc([1], [1])).toBe(0.5);
  expect(auroc([1], [Number.NaN])).toBeNaN();
});

test("seeded numbers repeat, are spread as they say, and one stream tells nothing of the next", () => {
  const draw = (seed: number, stream: number) => {
    const random = seededNumbers(seed, stream);
    return Array.from({ length: 4000 }, () => random.normal());
  };
  expect(draw(1, 2)).toEqual(draw(1, 2));
  const [first, second] = [draw(1, 2), draw(1, 3)];
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(Math.abs(mean(first))).toBeLessThan(0.06);
  expect(mean(first.map((value) => value * value))).toBeCloseTo(1, 1);
  expect(Math.abs(mean(first.map((value, at) => value * (second[at] as number))))).toBeLessThan(0.06);
});
