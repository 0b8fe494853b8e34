import { z } from "zod";
import type { SetEpisode } from "./judgedSet.js";
import { type SeededNumbers, seededNumbers } from "./seededNumbers.js";

/** What a walk keeps of its last action: a hand does not shake between two frames. */
const WALK_KEEPS = 0.8;

const numbers = z.array(z.number());
const packActions = z.object({
  mean: numbers.optional(),
  std: numbers.optional(),
  bounds: z.object({ min: numbers, max: numbers }).optional(),
});

/** A start and what is done from there. */
export interface Trajectory {
  /** Number of the frame among all frames of the test episodes, in order. */
  readonly start: number;
  readonly actions: readonly Float32Array[];
}

export interface PlannedTrajectories {
  readonly trajectories: readonly Trajectory[];
  /** Where the actions come from. */
  readonly actions: "policy" | "walk";
}

export interface TrajectoryRequest {
  readonly count: number;
  readonly steps: number;
  readonly actionSize: number;
  readonly seed: number;
  /** `meta` of the pack: what it knows of its actions. */
  readonly meta: Readonly<Record<string, unknown>>;
}

/**
 * Starts go through the test frames in a seeded order, again from the first where there are more trajectories than
 * frames, and each has its own actions: rows of the test episodes' own policy, runs of them joined (the first run of a
 * frame's first trajectory is what its own episode did from there); or, where the set has none that fit or the pack
 * does not standardise actions itself, seeded random walks with the mean, deviation and bounds that the pack names.
 */
export function planTrajectories(episodes: readonly SetEpisode[], request: TrajectoryRequest): PlannedTrajectories {
  const { count, steps, actionSize, seed, meta } = request;
  const places = episodes.flatMap((episode) => episode.frames.map((_, at) => ({ episode, at })));
  const order = shuffled(places.length, seededNumbers(seed, 0));
  const acting = episodes.filter(({ actions }) => actions[0]?.length === actionSize);
  const raw = typeof meta.statistics === "object" && meta.statistics !== null;
  const policy = raw && acting.length > 0;
  const trajectories = Array.from({ length: count }, (_, index) => {
    const random = seededNumbers(seed, index + 1);
    const start = order[index % order.length] as number;
    if (!policy) return { start, actions: walk(random, steps, actionSize, meta) };
    const { episode, at } = places[start] as (typeof places)[number];
    const own = index < order.length && acting.includes(episode) ? episode.actions.slice(at) : [];
    return { start, actions: joinedRuns(random, steps, own, acting) };
  });
  return { trajectories, actions: policy ? "policy" : "walk" };
}

function joinedRuns(
  random: SeededNumbers,
  steps: number,
  first: readonly (readonly number[])[],
  acting: readonly SetEpisode[],
): Float32Array[] {
  const joined = [...first];
  while (joined.length < steps) {
    const { actions } = acting[random.below(acting.length)] as SetEpisode;
    joined.push(...actions.slice(random.below(actions.length)));
  }
  return joined.slice(0, steps).map((row) => Float32Array.from(row));
}

function walk(
  random: SeededNumbers,
  steps: number,
  actionSize: number,
  meta: TrajectoryRequest["meta"],
): Float32Array[] {
  const { mean, std, bounds } = packActions.safeParse(meta.actions).data ?? {};
  const of = (list: readonly number[] | undefined, column: number, otherwise: number) =>
    list !== undefined && list.length > 0 && actionSize % list.length === 0
      ? (list[column % list.length] as number)
      : otherwise;
  const state = Float64Array.from({ length: actionSize }, () => random.normal());
  return Array.from({ length: steps }, () => {
    for (let i = 0; i < actionSize; i++)
      state[i] = WALK_KEEPS * (state[i] as number) + Math.sqrt(1 - WALK_KEEPS ** 2) * random.normal();
    return Float32Array.from(state, (value, column) =>
      Math.min(
        Math.max(of(mean, column, 0) + of(std, column, 1) * value, of(bounds?.min, column, Number.NEGATIVE_INFINITY)),
        of(bounds?.max, column, Number.POSITIVE_INFINITY),
      ),
    );
  });
}

function shuffled(count: number, random: SeededNumbers): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = random.below(index + 1);
    [order[index], order[other]] = [order[other] as number, order[index] as number];
  }
  return order;
}
