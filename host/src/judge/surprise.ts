import type { Session } from "synapse-engine";
import { predictNext, type WorldModel } from "../run/rollout.js";
import type { SetEpisode } from "./judgedSet.js";
import { seededNumbers } from "./seededNumbers.js";
import { auroc } from "./statistics.js";

/** A step of a test episode whose next frame is known, and two stand-ins. Numbers are of all test frames. */
export interface SurpriseStep {
  /** The frames that the model sees, the last of them the present one. */
  readonly history: readonly number[];
  readonly actions: readonly Float32Array[];
  readonly next: number;
  /** Another frame of the same episode; undefined where it has none. */
  readonly sameEpisode: number | undefined;
  /** A frame of another episode; undefined where there is none. */
  readonly otherEpisode: number | undefined;
}

/** The steps of all test episodes, with seeded frames in the place of the next. None without fitting actions. */
export function surpriseSteps(episodes: readonly SetEpisode[], world: WorldModel, seed: number): SurpriseStep[] {
  const frames = episodes.flatMap(({ frames: list }, episode) => list.map((_, at) => ({ episode, at })));
  const random = seededNumbers(seed, 0x5e1);
  const pick = (numbers: readonly number[]) =>
    numbers.length === 0 ? undefined : numbers[random.below(numbers.length)];
  return frames.flatMap(({ episode, at }, number) => {
    const { actions, frames: own } = episodes[episode] as SetEpisode;
    if (at + 1 >= own.length || actions[at]?.length !== world.actionSize) return [];
    const seen = Math.min(at + 1, world.historyMax);
    const others = (same: boolean) =>
      frames.flatMap((frame, other) =>
        (frame.episode === episode) === same && other !== number && other !== number + 1 ? [other] : [],
      );
    return [
      {
        history: Array.from({ length: seen }, (_, back) => number - seen + 1 + back),
        actions: actions.slice(at - seen + 1, at + 1).map((row) => Float32Array.from(row)),
        next: number + 1,
        sameEpisode: pick(others(true)),
        otherEpisode: pick(others(false)),
      },
    ];
  });
}

/** How much farther from the prediction than the real next frame another one lies. */
export interface SurpriseErrors {
  readonly real: number;
  readonly sameEpisode: number | undefined;
  readonly otherEpisode: number | undefined;
}

/** Distances of one prediction to the latents of the real next frame and of its stand-ins. */
export async function surpriseErrors(
  session: Session,
  world: WorldModel,
  latents: readonly Float32Array[],
  step: SurpriseStep,
): Promise<SurpriseErrors> {
  const of = (frame: number) => latents[frame] as Float32Array;
  const predicted = await predictNext(session, world, step.history.map(of), step.actions);
  const far = (frame: number | undefined) =>
    frame === undefined ? undefined : Math.hypot(...predicted.map((value, i) => value - (of(frame)[i] as number)));
  return {
    real: far(step.next) as number,
    sameEpisode: far(step.sameEpisode),
    otherEpisode: far(step.otherEpisode),
  };
}

/** AUROC of telling the real next frame from one of the same, and of another episode; null where there are none. */
export function surpriseAuroc(errors: readonly SurpriseErrors[]): {
  readonly sameEpisode: number | null;
  readonly otherEpisode: number | null;
} {
  const against = (key: "sameEpisode" | "otherEpisode") => {
    const swapped = errors.flatMap((each) => each[key] ?? []);
    return swapped.length === 0
      ? null
      : auroc(
          errors.map(({ real }) => real),
          swapped,
        );
  };
  return { sameEpisode: against("sameEpisode"), otherEpisode: against("otherEpisode") };
}
