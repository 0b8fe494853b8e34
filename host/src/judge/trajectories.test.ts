import { expect, test } from "vitest";
import { movedByHalfPixel } from "./halfPixel.js";
import type { SetEpisode } from "./judgedSet.js";
import { planTrajectories } from "./trajectories.js";

const episode = (name: string, frames: number, actions: readonly (readonly number[])[]): SetEpisode => ({
  name,
  frames: Array.from({ length: frames }, (_, at) => ({ name: `${name}/${at}`, read: async () => new Uint8Array() })),
  actions,
  states: [],
});
const EPISODES = [
  episode("test-00", 3, [
    [1, 2],
    [3, 4],
  ]),
  episode("test-01", 2, [[5, 6]]),
];
const REQUEST = { count: 12, steps: 9, actionSize: 2, seed: 4, meta: { statistics: { action: {} } } };

test("starts go through all frames before one comes again, and actions are runs of the policy's own rows", () => {
  const { trajectories, actions } = planTrajectories(EPISODES, REQUEST);
  expect(actions).toBe("policy");
  const starts = trajectories.map(({ start }) => start);
  expect(starts.slice(0, 5).toSorted()).toEqual([0, 1, 2, 3, 4]);
  expect(starts.slice(5, 10)).toEqual(starts.slice(0, 5));
  const known = new Set(["1,2", "3,4", "5,6"]);
  for (const { actions: taken } of trajectories) {
    expect(taken).toHaveLength(9);
    expect(taken.every((row) => known.has(row.join()))).toBe(true);
  }
  const own = trajectories.find(({ start }) => start === 0);
  expect(own?.actions.slice(0, 2).map((row) => [...row])).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(planTrajectories(EPISODES, REQUEST)).toEqual({ trajectories, actions });
  expect(planTrajectories(EPISODES, { ...REQUEST, seed: 5 })).not.toEqual({ trajectories, actions });
});

test("without fitting rows, or for a pack that does not standardise, actions are walks within the pack's bounds", () => {
  const meta = { actions: { mean: [5], std: [2], bounds: { min: [4], max: [7] } } };
  for (const request of [
    { ...REQUEST, meta },
    { ...REQUEST, meta: { ...meta, statistics: {} }, actionSize: 4 },
  ]) {
    const { trajectories, actions } = planTrajectories(EPISODES, { ...request, steps: 200 });
    expect(actions).toBe("walk");
    const values = trajectories.flatMap((each) => each.actions.flatMap((row) => [...row]));
    expect(values.every((value) => value >= 4 && value <= 7)).toBe(true);
    expect(new Set(values).size).toBeGreaterThan(100);
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(5.3, 0);
  }
});

test("half a pixel to the right is the mean of two neighbours, and the left edge stays", () => {
  const pixels = Uint8Array.from([10, 20, 30, 20, 40, 31, 0, 0, 0, 255, 1, 2, 255, 3, 4, 1, 1, 1]);
  expect([...movedByHalfPixel(pixels, 3)]).toEqual([
    10, 20, 30, 15, 30, 31, 10, 20, 16, 255, 1, 2, 255, 2, 3, 128, 2, 3,
  ]);
});
