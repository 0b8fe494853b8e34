import { expect, test } from "vitest";
import { planeOf } from "../src/charts/plane.js";

const away = (a: readonly number[], b: readonly number[]) => Math.hypot(...a.map((value, i) => value - (b[i] ?? 0)));

test("points that lie in a plane keep their distances, however the plane is turned", () => {
  // Two directions at right angles in five dimensions.
  const u = [2 / 3, 1 / 3, 2 / 3, 0, 0];
  const v = [0, 0, 0, 0.6, 0.8];
  const flat = [
    [0, 0],
    [4, 1],
    [7, -2],
    [3, 5],
    [-6, 2],
  ] as const;
  const rows = flat.map(([a, b]) => u.map((value, i) => 10 + a * value + b * (v[i] ?? 0)));
  const { points, share } = planeOf(rows);
  expect(share).toBeCloseTo(1, 6);
  for (const i of flat.keys()) {
    for (const j of flat.keys())
      expect(away(points[i] ?? [], points[j] ?? [])).toBeCloseTo(away(flat[i] ?? [], flat[j] ?? []), 4);
  }
});

test("the share says what a third direction hides", () => {
  const cube = [0, 1].flatMap((x) => [0, 1].flatMap((y) => [0, 1].map((z) => [x, y, z])));
  expect(planeOf(cube).share).toBeCloseTo(2 / 3, 3);
});

test("one point, or many that are the same, are in the middle", () => {
  const { points } = planeOf([
    [1, 2],
    [1, 2],
  ]);
  expect(points.flat().every((value) => value === 0)).toBe(true);
});
