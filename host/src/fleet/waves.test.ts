import fc from "fast-check";
import { expect, test } from "vitest";
import { wavesOf } from "./waves.js";

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `b${index}`);

test("canaries come first, then up to each percentage of all", () => {
  const sizes = wavesOf(ids(50), { canaries: 1, percentages: [10, 50, 100] }).map((wave) => wave.length);
  expect(sizes).toEqual([1, 4, 20, 25]);
});

test("few boards need few waves", () => {
  expect(wavesOf(ids(1), { canaries: 1, percentages: [10, 50, 100] })).toEqual([["b0"]]);
  expect(wavesOf([], { canaries: 1, percentages: [100] })).toEqual([]);
  expect(wavesOf(ids(3), { canaries: 0, percentages: [50] })).toEqual([["b0", "b1"], ["b2"]]);
});

test("every board is in one wave, in its order", () => {
  const plan = fc.record({
    canaries: fc.nat(20),
    percentages: fc.uniqueArray(fc.integer({ min: 1, max: 100 })).map((some) => some.sort((a, b) => a - b)),
  });
  fc.assert(
    fc.property(fc.nat(200), plan, (count, of) => {
      const waves = wavesOf(ids(count), of);
      expect(waves.flat()).toEqual(ids(count));
      expect(waves.every((wave) => wave.length > 0)).toBe(true);
    }),
  );
});
