import { readFile } from "node:fs/promises";
import { decodeImage } from "synapse-engine";
import { describe, expect, test } from "vitest";
import { simulatedKind } from "../testing/testedBoard.js";
import { newUpdateKey, pointOf } from "../testing/updateKeys.js";
import { SimulatedBoard } from "./board.js";
import { boardModule } from "./boardBuilds.js";
import { answersSuite, jsonOf, MODEL, sample, testBoard } from "./boardSuite.js";
import { everyBoardSuite } from "./everyBoardSuite.js";
import { pictureSuite } from "./pictureSuite.js";
import { signatureSuite } from "./signatureSuite.js";
import { simulatedBoardSuite } from "./simulatedBoardSuite.js";
import { strangersSuite } from "./strangersSuite.js";
import { updateSuite } from "./updateSuite.js";
import { VirtualBoard } from "./virtualBoard.js";
import { createWasmCore } from "./wasmCore.js";
import { workSuite } from "./workSuite.js";

for (const engine of ["native", "wasm"] as const) {
  const kind = simulatedKind(engine);
  strangersSuite(kind);
  everyBoardSuite(kind);
  simulatedBoardSuite(engine);
  describe(kind.title, () => {
    answersSuite(engine, () => kind.create());
    pictureSuite(() => kind.create());
  });
  updateSuite(kind);
  signatureSuite(kind);
  workSuite(kind);
}

test.each(["native", "wasm"] as const)("a %s board is not made with update keys that are none", async (engine) => {
  const bad = { code: "UPDATE_KEYS_INVALID" };
  const start = (updateKeys: readonly Uint8Array[]) =>
    SimulatedBoard.create({ board: testBoard(), model: MODEL, engine, updateKeys });
  await expect(start([new Uint8Array(65)])).rejects.toMatchObject(bad);
  await expect(start(Array.from({ length: 5 }, () => pointOf(newUpdateKey().publicKey)))).rejects.toMatchObject(bad);
});

test("a board whose core has trapped is gone from its broker, too", async () => {
  let trap = (_error: Error): void => undefined;
  const board = await VirtualBoard.start({ board: testBoard(), model: MODEL }, "wasm", {
    createCore: async (options, port, clock) => {
      trap = port.crashed;
      return createWasmCore(await readFile(boardModule()), options, port, clock);
    },
    decodeImage,
  });
  const told: string[] = [];
  const tell = (what: string) => () => void told.push(what);
  const network = {
    up: tell("up"),
    down: tell("down"),
    lost: tell("lost"),
    settingsChanged: tell("settings"),
    subscribe: () => undefined,
  };
  board.attach({ ...network, publish: () => true, leave: async () => undefined });
  trap(new Error("unreachable"));
  expect(told).toEqual(["up", "down"]);
  await expect(board.handle({ method: "GET", target: "/v1/device" })).rejects.toThrow("unreachable");
  await board.close();
});

test("both builds plan the same, byte for byte", async () => {
  const picture = (name: string) => ({ image: Buffer.from(sample(name)).toString("base64"), type: "image/jpeg" });
  const body = new TextEncoder().encode(
    JSON.stringify({ start: picture("cat.jpg"), goal: picture("coffee.jpg"), horizon: 4, seed: 42 }),
  );
  const plans = await Promise.all(
    (["native", "wasm"] as const).map(async (engine) => {
      const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine });
      const headers = { "content-type": "application/json" };
      const response = await board.handle({ method: "POST", target: "/v1/plan?latent=base64", headers, body });
      await board.close();
      const { actions, trajectory, cost } = jsonOf(response);
      return { actions, trajectory, cost };
    }),
  );
  expect(plans[0]?.actions).toHaveLength(4);
  expect(plans[0]).toEqual(plans[1]);
});

test("both builds answer the same bytes", async () => {
  const latents = await Promise.all(
    (["native", "wasm"] as const).map(async (engine) => {
      const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine });
      const response = await board.handle({
        method: "POST",
        target: "/v1/encode?latent=base64",
        headers: { "content-type": "image/jpeg" },
        body: sample("rocket-portrait.jpg"),
      });
      await board.close();
      return jsonOf(response).latent;
    }),
  );
  expect(latents[0]).toBe(latents[1]);
});
