import { expect, test } from "vitest";
import { fitProbe, probeR2 } from "./linearProbe.js";
import { seededNumbers } from "./seededNumbers.js";

const rows = (count: number, width: number, seed: number) => {
  const random = seededNumbers(seed, 0);
  return Array.from({ length: count }, () => Array.from({ length: width }, () => random.normal()));
};

test("a probe finds the linear map that states were made by", () => {
  const latents = rows(60, 5, 1);
  const state = (latent: readonly number[]) => [
    3 + 2 * (latent[0] as number) - (latent[3] as number),
    -7 + 0.5 * (latent[4] as number),
  ];
  const probe = fitProbe(latents, latents.map(state));
  const seen = rows(40, 5, 2);
  expect(probeR2(probe, seen, seen.map(state))).toBeCloseTo(1, 8);
});

test("of one column it is the line of school: slope, intercept and R2", () => {
  const [x, y] = [
    [0, 1, 2, 3],
    [1, 3, 2, 5],
  ];
  const probe = fitProbe(
    x.map((value) => [value]),
    y.map((value) => [value]),
  );
  // Slope 1.1, intercept 1.1; residual squares 2.7 of 8.75.
  expect(probe.weights[0]?.[0]).toBeCloseTo(1.1, 4);
  expect((probe.weights[1]?.[0] as number) + (probe.means[0] as number)).toBeCloseTo(1.1, 4);
  expect(
    probeR2(
      probe,
      x.map((value) => [value]),
      y.map((value) => [value]),
    ),
  ).toBeCloseTo(1 - 2.7 / 8.75, 6);
});

test("what has no relation has an R2 near zero on other rows, and collapsed latents are no failure", () => {
  const states = rows(400, 2, 5);
  expect(probeR2(fitProbe(rows(400, 3, 4), states), rows(200, 3, 6), rows(200, 2, 7))).toBeLessThan(0.05);
  const same = states.map(() => [1, 1, 1]);
  expect(probeR2(fitProbe(same, states), same, states)).toBeCloseTo(0, 3);
});
