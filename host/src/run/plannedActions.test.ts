import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PlanAnswer, PredictAnswer, RolloutAnswer } from "synapse-client/api";
import { type BoardEngine, SimulatedBoard } from "synapse-sim";
import { afterAll, expect, test } from "vitest";
import { findBoard } from "../boards/boards.js";
import { compile } from "../compile/compile.js";
import { trainedPack } from "../compile/trainedPack.js";
import { LEWM_SMALL } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";
import { readFrame } from "../testing/evaluationSet.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BOARD = "waveshare-esp32-p4-wifi6";
const folder = mkdtempSync(join(tmpdir(), "synapse-plan-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a board with this model answers to each request, in order. */
async function ask(
  model: Uint8Array,
  engine: BoardEngine,
  requests: readonly (readonly [target: string, body?: unknown])[],
) {
  const board = await SimulatedBoard.create({ board: await findBoard(BOARD), model, engine });
  try {
    const answers = [];
    for (const [target, body] of requests) {
      const headers = { "content-type": "application/json" };
      const given = body === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(body)), headers };
      const answer = await board.handle({ method: body === undefined ? "GET" : "POST", target, ...given });
      const text = new TextDecoder().decode(answer.body);
      expect(answer.status, text).toBe(200);
      answers.push(JSON.parse(text));
    }
    return answers;
  } finally {
    await board.close();
  }
}

test("a trained model's plan keeps to the actions that its environment knows, from the first draw to the answer", async () => {
  const name = "lewm-tworoom-small";
  const pack = readFileSync(await trainedPack({ folder, board: BOARD, buildKey: "test" }, join(ROOT, "models", name)));
  const frame = async (episode: string, number: number) => ({
    image: Buffer.from(await readFrame(name, episode, number)).toString("base64"),
    type: "image/png",
  });
  const start = await frame("test-00", 0);
  const goal = await frame("test-05", 3);
  const [models, plan] = await ask(pack, "native", [["/v1/models"], ["/v1/plan", { start, goal, seed: 7 }]]);
  expect(models.slots[0].actions).toEqual({ units: "5 px of movement", bounds: { min: [-1, -1], max: [1, 1] } });
  const { actions, trajectory } = plan as PlanAnswer & { actions: number[][] };
  expect(actions.flat()).toHaveLength(50);
  expect(actions.flat().filter((value) => Math.abs(value) > 1)).toEqual([]);
  const [rolled, wild] = await ask(pack, "native", [
    ["/v1/rollout", { start, actions }],
    ["/v1/predict", { history: [(trajectory as number[][])[0]], actions: [[0, 0, 0, 1.5, 0, 0, 0, 0, -7, 0]] }],
  ]);
  expect(rolled as RolloutAnswer).not.toHaveProperty("warnings");
  expect((wild as PredictAnswer).warnings).toEqual([
    {
      code: "ACTION_OUT_OF_BOUNDS",
      detail: "2 of 10 values lie outside of the model's bounds; the first is 1.5",
      field: "actions[0][3]",
      expected: "-1 to 1, in 5 px of movement",
    },
  ]);
});

test("bounds and the training's distribution make the same plan on the native and the WASM board", async () => {
  const config = JSON.parse(readFileSync(join(ROOT, "configs", "lewm-test.json"), "utf8"));
  const { bytes } = await compile({
    checkpoint: seededCheckpoint(LEWM_SMALL, 1),
    config,
    fastBytes: 256 * 1024,
    statistics: { action: { mean: [0.1, 3], std: [2, 0.25] } },
    actions: { bounds: { min: [-0.3, 2.9], max: [0.7, 3.3] } },
  });
  const latent = (seed: number) => ({ latent: Array.from({ length: 32 }, (_, i) => Math.sin(seed + i)) });
  const request = ["/v1/plan", { start: latent(0), goal: latent(9), horizon: 4, seed: 3 }] as const;
  const [native] = await ask(bytes, "native", [request]);
  const [wasm] = await ask(bytes, "wasm", [request]);
  const { timing: _, ...expected } = native;
  expect(wasm).toMatchObject(expected);
  for (const row of native.actions as number[][]) {
    row.forEach((value, i) => {
      const [low, high] = i % 2 === 0 ? [-0.3, 0.7] : [2.9, 3.3];
      expect(Math.fround(value)).toBeGreaterThanOrEqual(Math.fround(low as number));
      expect(Math.fround(value)).toBeLessThanOrEqual(Math.fround(high as number));
    });
  }
});

test.each(["lewm-tworoom", "lewm-tworoom-small"])("%s says the same of its actions in each of its files", (name) => {
  const read = (file: string) => JSON.parse(readFileSync(join(ROOT, "models", name, file), "utf8"));
  const { units, bounds, ...statistics } = read("action-stats.json");
  expect({ units, bounds }).toEqual({ units: "5 px of movement", bounds: { min: [-1, -1], max: [1, 1] } });
  expect(read("synapse.json")).toMatchObject({ actions: { units, bounds }, statistics: { action: statistics } });
  expect(read("config.json").action).toMatchObject({ units, bounds, ...statistics });
});
