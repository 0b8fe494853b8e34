import type { Budget, PlanLimits } from "./api.js";

/** What a board plans with when nobody says. */
export const BUDGET_DEFAULT: Budget = { samples: 24, iterations: 4, elites: 4 };
export const HORIZON_DEFAULT = 5;

export function predictionsOf(budget: Budget, horizon: number): number {
  return budget.samples * budget.iterations * horizon;
}

/**
 * The nearest budget that the board takes: each number within its limits, no more elites than samples, samples given up
 * for what is over.
 */
export function withinLimits(budget: Budget, horizon: number, limits: PlanLimits): Budget {
  const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, Math.round(value)));
  const iterations = clamp(
    budget.iterations,
    1,
    Math.min(limits.iterations_max, Math.max(1, Math.floor(limits.predictions_max / (2 * horizon)))),
  );
  const samples = clamp(
    budget.samples,
    2,
    Math.min(limits.samples_max, Math.max(2, Math.floor(limits.predictions_max / (iterations * horizon)))),
  );
  return { samples, iterations, elites: clamp(budget.elites, 2, Math.min(limits.elites_max, samples)) };
}
