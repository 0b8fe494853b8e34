import { expect, test } from "vitest";
import { actionSequence, actionSpaceText, restAction, SEQUENCES } from "../src/actionSequences.js";

const SPACE = { units: "pixels", bounds: { min: [-5, 0], max: [5, 512] } };

test.each(SEQUENCES)("actions of %s stay within the bounds, which a row repeats", (sequence) => {
  for (const action of actionSequence(sequence, 200, 6, SPACE)) {
    expect(action).toHaveLength(6);
    action.forEach((value, i) => {
      expect(value).toBeGreaterThanOrEqual(SPACE.bounds.min[i % 2] ?? Number.NaN);
      expect(value).toBeLessThanOrEqual(SPACE.bounds.max[i % 2] ?? Number.NaN);
    });
  }
});

test("a circle goes all round within the bounds", () => {
  const values = actionSequence("circle", 10, 2, SPACE).map(([x = 0]) => x);
  expect([Math.min(...values), Math.max(...values)]).toEqual([-5, 5]);
});

test("without bounds moves have length 1", () => {
  for (const [x = 0, y = 0] of actionSequence("straight", 5, 2)) expect(Math.hypot(x, y)).toBeCloseTo(1, 12);
});

test("rest is zero, or the nearest that there is", () => {
  expect(restAction(3)).toEqual([0, 0, 0]);
  expect(restAction(4, { bounds: { min: [-1, 2], max: [1, 4] } })).toEqual([0, 2, 0, 2]);
});

test("bounds and units are said as far as they are known", () => {
  expect(actionSpaceText({})).toBe("");
  expect(actionSpaceText({ units: "m/s" })).toBe("in m/s");
  expect(actionSpaceText({ bounds: { min: [-1, -1], max: [1, 1] } })).toBe("-1 to 1");
  expect(actionSpaceText(SPACE)).toBe("-5 to 5 and 0 to 512, in pixels");
});
