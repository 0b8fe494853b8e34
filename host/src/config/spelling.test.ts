import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editDistance, nearestNames } from "./spelling.js";

/** The whole table of Levenshtein's definition. */
function distance(a: string, b: string): number {
  const table = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  const at = (i: number, j: number) => table[i]?.[j] as number;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      (table[i] as number[])[j] = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + cost);
    }
  }
  return at(a.length, b.length);
}

describe("the nearest names", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 14 });

  it("are counted in edits, up to the limit", () => {
    fc.assert(
      fc.property(text, text, fc.integer({ min: 0, max: 12 }), (a, b, limit) => {
        expect(editDistance(a, b, limit)).toBe(Math.min(distance(a, b), limit + 1));
      }),
      { numRuns: 1000 },
    );
  });

  it("are found among names as many, as long and as much alike as a checkpoint can make them", () => {
    const name = (i: number) => `${"ab".repeat(96)}${String(i).padStart(8, "0")}`;
    const wanted = Array.from({ length: 8 }, (_, i) => `${"ba".repeat(98)}.w${i}`);
    const names = [...Array.from({ length: 4095 }, (_, i) => name(i)), `${"ba".repeat(98)}.v5`];
    expect(nearestNames(wanted, names, 1)).toEqual([names.at(-1)]);
  });
});
