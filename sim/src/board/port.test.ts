import { describe, expect, test } from "vitest";
import { buildPortBoard, PortBoard } from "../testing/portBoard.js";
import { answersSuite, jsonOf, MODEL, testBoard } from "./boardSuite.js";

// The firmware's C, on the functions of ESP-IDF that firmware/test_host has (docs/development.md).
const { missing } = buildPortBoard();
if (missing !== undefined) process.stderr.write(`skipped: the firmware's port: ${missing}\n`);

const create = () => PortBoard.create({ board: testBoard(), model: MODEL });

describe.skipIf(missing !== undefined)("the firmware's port", () => {
  test("answers who it is", async () => {
    const board = await create();
    expect(jsonOf(await board.handle({ method: "GET", target: "/v1/device" }))).toMatchObject({
      simulated: false,
      board: { id: "waveshare-esp32-p4-wifi6", chip: "ESP32-P4", chip_revision: "1.3" },
      firmware: { engine: "esp32p4" },
      slots: [
        { slot: "model_a", state: "VALID", active: true, name: "lewm-test" },
        { slot: "model_b", state: "EMPTY" },
      ],
    });
    await board.close();
  });

  // It has ten sockets, one of which stays the server's own.
  answersSuite("esp32p4", create, { atOnce: 8 });
});
