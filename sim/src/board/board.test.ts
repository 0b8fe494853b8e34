import { expect, test } from "vitest";
import { SimulatedBoard } from "./board.js";
import { boardSuite, jsonOf, MODEL, sample, testBoard } from "./boardSuite.js";

boardSuite("native");
boardSuite("wasm");

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
