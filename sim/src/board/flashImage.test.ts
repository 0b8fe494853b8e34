import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { SimulatedBoard } from "./board.js";
import type { BoardEngine } from "./boardOptions.js";
import { readBoard } from "./readBoard.js";

const repository = (path: string) => new URL(`../../../${path}`, import.meta.url);
const BOARD = await readBoard(repository("boards/esp32-p4-function-ev.json").pathname);
const MODEL = new Uint8Array(readFileSync(repository("sim/fixtures/lewm-test.syn")));

async function ask(board: SimulatedBoard, target: string, token: string | undefined) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const { status, body } = await board.handle({ method: "GET", target, headers });
  return { status, json: JSON.parse(new TextDecoder().decode(body)) };
}

describe.each<BoardEngine>(["native", "wasm"])("the flash of a board, %s", (engine) => {
  test("makes another board that has the same model, owner and settings", async () => {
    const first = await SimulatedBoard.create({ board: BOARD, model: MODEL, engine });
    const token = first.ownerToken;
    const flash = first.flashImage();
    await first.close();
    expect(flash.length).toBe(BOARD.flash.bytes);
    expect(flash.subarray(5373952, 5373952 + MODEL.length)).toEqual(MODEL);
    const second = await SimulatedBoard.create({ board: BOARD, flash, engine });
    try {
      const settings = await ask(second, "/v1/settings", token);
      expect(settings).toMatchObject({ status: 200, json: { open_read: true } });
      expect((await ask(second, "/v1/settings", undefined)).status).toBe(401);
      const models = await ask(second, "/v1/models", token);
      expect(JSON.stringify(models.json)).toContain("VALID");
    } finally {
      await second.close();
    }
  });

  test("that is erased makes a board without owner and model, which answers", async () => {
    const board = await SimulatedBoard.create({ board: BOARD, flash: new Uint8Array(), engine });
    try {
      expect(await ask(board, "/v1/device", undefined)).toMatchObject({ status: 200, json: { claimed: false } });
    } finally {
      await board.close();
    }
  });
});
