import fc from "fast-check";
import { expect, test } from "vitest";
import { BUDGET_DEFAULT, predictionsOf, withinLimits } from "../src/planBudget.js";

const LIMITS = { horizon_max: 32, samples_max: 300, iterations_max: 30, elites_max: 30, predictions_max: 45_000 };

test("what the board takes is left alone", () => {
  expect(withinLimits(BUDGET_DEFAULT, 5, LIMITS)).toEqual(BUDGET_DEFAULT);
  expect(withinLimits({ samples: 300, iterations: 30, elites: 30 }, 5, LIMITS)).toEqual({
    samples: 300,
    iterations: 30,
    elites: 30,
  });
});

test("samples are given up for a horizon that is too far, and elites with them", () => {
  expect(withinLimits({ samples: 300, iterations: 30, elites: 30 }, 10, LIMITS)).toEqual({
    samples: 150,
    iterations: 30,
    elites: 30,
  });
  expect(withinLimits({ samples: 8, iterations: 4, elites: 20 }, 5, LIMITS)).toEqual({
    samples: 8,
    iterations: 4,
    elites: 8,
  });
});

test("every budget ends within the limits of every board that can plan", () => {
  const number = fc.integer({ min: -5, max: 1000 });
  const limits = fc.record({
    horizon_max: fc.integer({ min: 1, max: 64 }),
    samples_max: fc.integer({ min: 2, max: 500 }),
    iterations_max: fc.integer({ min: 1, max: 50 }),
    elites_max: fc.integer({ min: 2, max: 50 }),
    predictions_max: fc.integer({ min: 128, max: 100_000 }),
  });
  fc.assert(
    fc.property(limits, number, number, number, fc.nat(), (board, samples, iterations, elites, wish) => {
      const horizon = 1 + (wish % board.horizon_max);
      const budget = withinLimits({ samples, iterations, elites }, horizon, board);
      expect(predictionsOf(budget, horizon)).toBeLessThanOrEqual(board.predictions_max);
      expect(budget.samples).toBeGreaterThanOrEqual(2);
      expect(budget.samples).toBeLessThanOrEqual(board.samples_max);
      expect(budget.iterations).toBeGreaterThanOrEqual(1);
      expect(budget.iterations).toBeLessThanOrEqual(board.iterations_max);
      expect(budget.elites).toBeGreaterThanOrEqual(2);
      expect(budget.elites).toBeLessThanOrEqual(Math.min(budget.samples, board.elites_max));
    }),
  );
});
