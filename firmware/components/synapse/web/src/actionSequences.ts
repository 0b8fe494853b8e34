import type { Action, ActionSpace } from "./api.js";

export const SEQUENCES = ["circle", "straight", "rest", "random"] as const;
export type Sequence = (typeof SEQUENCES)[number];

/** Steps that a circle takes to come round. */
const CIRCLE_STEPS = 10;

/**
 * Actions of `width` values; pairs of them are two-dimensional moves. Where the model has bounds, the moves fill them;
 * where not, they have length 1 in the model's own units, and random ones a deviation of 1.
 */
export function actionSequence(sequence: Sequence, steps: number, width: number, space: ActionSpace = {}): Action[] {
  const rest = restAction(width, space);
  const heading = 2 * Math.PI * Math.random();
  const pairs = Math.ceil(width / 2);
  const value = (step: number, i: number): number => {
    const bounds = boundsOf(space, i);
    if (sequence === "rest") return rest[i] ?? 0;
    if (sequence === "random") return bounds === undefined ? normal() : within(bounds, 2 * Math.random() - 1);
    const angle =
      sequence === "straight" ? heading : (2 * Math.PI * (step * pairs + Math.floor(i / 2))) / (CIRCLE_STEPS * pairs);
    const share = i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
    return bounds === undefined ? share : within(bounds, share);
  };
  return Array.from({ length: steps }, (_, step) => Array.from({ length: width }, (_, i) => value(step, i)));
}

/** The action of who does nothing: zero, or the nearest that the model has. */
export function restAction(width: number, space: ActionSpace = {}): Action {
  return Array.from({ length: width }, (_, i) => {
    const [min, max] = boundsOf(space, i) ?? [0, 0];
    return Math.min(max, Math.max(min, 0));
  });
}

/** What an action's values are, for people: `-1 to 1, in 5 px of movement`. Empty when the model does not say. */
export function actionSpaceText({ units, bounds }: ActionSpace): string {
  const ranges = bounds?.min.map((min, i) => `${numberText(min)} to ${numberText(bounds.max[i] ?? min)}`) ?? [];
  const range = ranges.every((text) => text === ranges[0]) ? (ranges[0] ?? "") : ranges.join(" and ");
  return [range, units === undefined ? "" : `in ${units}`].filter(Boolean).join(", ");
}

/** Bounds are of one environment action, which a row repeats. */
function boundsOf({ bounds }: ActionSpace, i: number): readonly [number, number] | undefined {
  const at = bounds === undefined || bounds.min.length === 0 ? 0 : i % bounds.min.length;
  const [min, max] = [bounds?.min[at], bounds?.max[at]];
  return min === undefined || max === undefined ? undefined : [min, max];
}

/** From the lower bound at -1 to the upper one at 1. Rounding may not carry it over either. */
function within([min, max]: readonly [number, number], share: number): number {
  return Math.min(max, Math.max(min, (min + max) / 2 + (share * (max - min)) / 2));
}

const normal = (): number => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

const numberText = (value: number): string => String(Number(value.toPrecision(4)));
