import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type CompileOptions, compile } from "../compile/compile.js";
import { readPack } from "../pack/readPack.js";
import { LEWM_SMALL } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import { actionWarnings } from "../report/actionWarnings.js";
import { boundsOf } from "./actionSpace.js";

const CONFIG = JSON.parse(readFileSync(new URL("../../../configs/lewm-test.json", import.meta.url), "utf8"));
const STATISTICS = { action: { mean: [0, 1], std: [2, 3] } };

async function metaWith(config: unknown, options: Partial<CompileOptions> = {}) {
  const checkpoint = seededCheckpoint(LEWM_SMALL, 1);
  const { bytes } = await compile({ checkpoint, config, fastBytes: 256 * 1024, statistics: STATISTICS, ...options });
  return readPack(bytes, "m.syn").header.meta;
}

test("units and bounds of the config travel in the pack, with the statistics of what they bound", async () => {
  const actions = { units: "m/s", bounds: { min: [-1, -2], max: [1, 2.5] } };
  const meta = await metaWith({ ...CONFIG, actions });
  expect(meta?.actions).toEqual({ ...actions, mean: [0, 1], std: [2, 3] });
  expect(boundsOf(meta)).toEqual(actions);
});

test("what is given replaces the config's, key by key", async () => {
  const config = { ...CONFIG, actions: { units: "m/s", bounds: { min: [-1], max: [1] } } };
  const bounds = { min: [0, 0], max: [1, 2] };
  expect((await metaWith(config, { actions: { bounds } }))?.actions).toMatchObject({ units: "m/s", bounds });
});

test("a pack without units and bounds says nothing of its actions", async () => {
  expect(await metaWith(CONFIG)).not.toHaveProperty("actions");
  expect(boundsOf({ actions: { bounds: { min: [1], max: [0] } } })).toBeUndefined();
  expect(boundsOf({ actions: "left or right" })).toBeUndefined();
});

test.each([
  [
    "bounds that do not repeat to a row",
    { bounds: { min: [0, 0, 0], max: [1, 1, 1] } },
    "CONFIG_ACTIONS",
    /rows of 10/,
  ],
  [
    "a min above its max",
    { bounds: { min: [0, 2], max: [1, 1] } },
    "CONFIG_SCHEMA",
    /actions\.bounds.*a min is above its max/,
  ],
  ["lists of two lengths", { bounds: { min: [0], max: [1, 1] } }, "CONFIG_SCHEMA", /differ in length/],
  ["units of nothing", { units: "" }, "CONFIG_SCHEMA", /actions\.units/],
  ["another key", { bound: { min: [0], max: [1] } }, "CONFIG_SCHEMA", /unknown key "bound"/],
])("%s is refused", async (_name, actions, code, says) => {
  const error = await metaWith({ ...CONFIG, actions }).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code });
  expect(String((error as Error).message)).toMatch(says);
});

test("actions outside of the bounds are counted, and the first of them is named", () => {
  const space = { units: "m/s", bounds: { min: [-1, 0], max: [1, 0.1] } };
  const rows = [Float32Array.of(1, 0.1, -1, 0), Float32Array.of(0, 0, 0, 0.2)];
  expect(actionWarnings(space, rows.slice(0, 1))).toEqual([]);
  expect(actionWarnings(undefined, rows)).toEqual([]);
  expect(actionWarnings(space, rows)).toEqual([
    "1 of 8 action values lie outside of the model's bounds; the first is 0.2 at [1][3]; expected 0 to 0.1, in m/s",
  ]);
});
