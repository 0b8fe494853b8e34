import { describe, expect, test } from "vitest";
import { buildPortBoard, PORT_KIND, PortBoard } from "../testing/portBoard.js";
import { answersSuite, jsonOf, MODEL, sample, testBoard } from "./boardSuite.js";
import { everyBoardSuite } from "./everyBoardSuite.js";
import { pictureSuite } from "./pictureSuite.js";
import { signatureSuite } from "./signatureSuite.js";
import { strangersSuite } from "./strangersSuite.js";
import { updateSuite } from "./updateSuite.js";
import { workSuite } from "./workSuite.js";

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

  test("answers at its console whoever holds it, whoever owns it, and lets them change nothing", async () => {
    const board = await PortBoard.create({ board: testBoard(), model: MODEL, access: "unclaimed" });
    const tested = await board.ask("POST", "/v1/selftest");
    expect(tested.status).toBe(200);
    expect(JSON.parse(tested.body)).toMatchObject({ passed: true, ticks: "cycles", model: { name: "lewm-test" } });
    expect(await board.ask("GET", "/v1/nothing")).toMatchObject({ status: 404 });
    expect(await board.ask("POST", "/v1/reboot")).toMatchObject({ status: 403 });
    expect(await board.handle({ method: "GET", target: "/v1/models" })).toMatchObject({ status: 403 });
    await board.close();
  });

  test("ends a connection that it has refused, and no other with it", async () => {
    const board = await create();
    const request = {
      method: "POST",
      target: "/v1/encode",
      headers: { "content-type": "image/jpeg" },
      body: sample("cat.jpg"),
    };
    const statuses = new Set<number>();
    for (let burst = 0; burst < 100; burst++) {
      const answers = await Promise.all(Array.from({ length: 4 }, () => board.handle(request)));
      for (const { status } of answers) statuses.add(status);
    }
    expect([...statuses].sort()).toEqual([200, 503]);
    await board.close();
  });

  test("the log has what ESP-IDF's parts say, and what the core says once", async () => {
    const board = await create();
    const log = jsonOf(await board.handle({ method: "GET", target: "/v1/log" })) as { entries: { text: string }[] };
    const texts = log.entries.map(({ text }) => text);
    expect(texts).toContain("model loaded");
    expect(texts.filter((text) => text.includes("model loaded"))).toHaveLength(1);
    expect(texts.filter((text) => /^synapse: slot model_a: \d+ bytes$/.test(text))).toHaveLength(1);
    await board.close();
  });

  // It has ten sockets, and those of the answers before may not be closed yet.
  answersSuite("esp32p4", create, { atOnce: 4 });
  pictureSuite(create);
  everyBoardSuite(PORT_KIND);
  strangersSuite(PORT_KIND);
  updateSuite(PORT_KIND);
  signatureSuite(PORT_KIND);
  workSuite(PORT_KIND);
});
