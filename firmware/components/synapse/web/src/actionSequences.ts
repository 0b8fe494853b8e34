import type { Action } from "./api.js";

export const SEQUENCES = ["circle", "straight", "rest", "random"] as const;
export type Sequence = (typeof SEQUENCES)[number];

/** Steps that a circle takes to come round. */
const CIRCLE_STEPS = 10;

/** Actions in the model's normalised units; pairs are two-dimensional moves, as many as an action holds. */
export function actionSequence(sequence: Sequence, steps: number, width: number): Action[] {
  const heading = 2 * Math.PI * Math.random();
  const pairs = Math.ceil(width / 2);
  const value = (step: number, i: number): number => {
    if (sequence === "rest") return 0;
    if (sequence === "random") return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    const angle = sequence === "straight" ? heading : (2 * Math.PI * (step * pairs + Math.floor(i / 2))) / (CIRCLE_STEPS * pairs);
    return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
  };
  return Array.from({ length: steps }, (_, step) => Array.from({ length: width }, (_, i) => value(step, i)));
}
