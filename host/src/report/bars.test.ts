import { expect, test } from "vitest";
import { bar, sparkLines } from "./bars.js";

test("a bar is as long as its share, to an eighth of a column", () => {
  expect(bar(1, 8)).toBe("████████");
  expect(bar(0.5, 8)).toBe("████");
  expect(bar(0.51, 8)).toBe("████▏");
  expect(bar(0, 8)).toBe("");
});

test("a small share is never invisible, and nonsense draws nothing", () => {
  expect(bar(1e-6, 8)).toBe("▏");
  expect(bar(Number.NaN, 8)).toBe("");
  expect(bar(7, 4)).toBe("████");
});

test("sparklines run from the lowest to the highest value", () => {
  expect(sparkLines([-1, -0.5, 0, 0.5, 1], 8, 1)).toEqual(["▁▃▅▇█"]);
});

test("equal values are in the middle and not-a-number is shown as such", () => {
  expect(sparkLines([2, 2, Number.NaN], 8, 1)).toEqual(["▄▄?"]);
});

test("192 values fill three lines of 64; more are averaged, fewer lines than the limit stay even", () => {
  const lines = sparkLines(
    Array.from({ length: 192 }, (_, index) => index),
    64,
    4,
  );
  expect(lines.map((line) => line.length)).toEqual([64, 64, 64]);
  expect(
    sparkLines(
      Array.from({ length: 1000 }, (_, index) => index),
      50,
      2,
    ).map((line) => line.length),
  ).toEqual([50, 50]);
  expect(sparkLines([], 64, 4)).toEqual([]);
});

test("paint sees every glyph with its value", () => {
  expect(sparkLines([-1, 1], 8, 1, (glyph, value) => (value < 0 ? `(${glyph})` : glyph))).toEqual(["(▁)█"]);
});
