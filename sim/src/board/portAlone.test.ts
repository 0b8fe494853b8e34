import { describe, expect, test } from "vitest";
import { buildPortBoard, PortBoard } from "../testing/portBoard.js";
import { json, jsonOf, MODEL, sample, testBoard } from "./boardSuite.js";
import { POWER_CUTS } from "./deviceCore.js";

// What the firmware's C is asked beside what every board is: that it ends and begins again, survives cuts of power
// anywhere and clients of every kind for a while, and keeps within its stacks.
const { missing } = buildPortBoard();
if (missing !== undefined) process.stderr.write(`skipped: the firmware's port by itself: ${missing}\n`);

/** How many of an update's flash operations are cut; SYNAPSE_PORT_CUTS=all cuts each. */
const CUTS = 30;
/** SYNAPSE_PORT_SOAK_S: how long. */
const SOAK_S = Number(process.env.SYNAPSE_PORT_SOAK_S ?? 15);

const asked = (board: PortBoard) => async (method: string, target: string, body?: Uint8Array | object) => {
  const bytes = body === undefined || body instanceof Uint8Array ? body : json(body);
  const type = body instanceof Uint8Array ? "application/octet-stream" : "application/json";
  const headers = { authorization: `Bearer ${board.ownerToken}`, "content-type": type };
  const answer = await board.handle({ method, target, headers, ...(bytes === undefined ? {} : { body: bytes }) });
  return { status: answer.status, ...jsonOf(answer) } as Record<string, unknown>;
};

const encode = async (board: PortBoard) => {
  const headers = { "content-type": "image/jpeg", authorization: `Bearer ${board.ownerToken}` };
  const answer = await board.handle({ method: "POST", target: "/v1/encode", headers, body: sample("cat.jpg") });
  return [answer.status, jsonOf(answer).latent];
};

const create = (more: object = {}) => PortBoard.create({ board: testBoard(), model: MODEL, ...more });

describe.skipIf(missing !== undefined)("the firmware's port by itself", () => {
  test("can be stopped and started again in the same process", async () => {
    const board = await create();
    const ask = asked(board);
    const before = await encode(board);
    for (let time = 0; time < 3; time++) {
      await ask("PUT", "/v1/settings", { name: `time ${time}` });
      await board.command("again");
      expect(await ask("GET", "/v1/device")).toMatchObject({
        name: `time ${time}`,
        reset: { reason: "power-on", count: 0 },
      });
      expect(await encode(board)).toEqual(before);
    }
    await board.close();
  });

  test("runs the engine alone on a partition, with equal results on one core and on two, in SRAM and in PSRAM", async () => {
    const board = await create();
    const results: string[][] = [];
    for (const how of ["model_a 1 0", "model_a 2 0", "model_a 2 4096"])
      results.push(await board.commandLines(`engine ${how}`, "engine"));
    expect(results[0]).toEqual([expect.stringMatching(/^entry 0: /), expect.stringMatching(/^entry 1: /)]);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    expect(await board.commandLines("engine model_b 2 0", "engine")).toEqual([
      expect.stringMatching(/^ESP_ERR_INVALID_STATE: .+/),
    ]);
    expect(await board.commandLines("engine nothing 2 0", "engine")).toEqual(["ESP_ERR_NOT_FOUND: "]);
    await board.close();
  });

  test("starts without a model after five crashes, and takes one", async () => {
    const board = await create();
    const ask = asked(board);
    for (let crash = 1; crash <= 5; crash++) await board.reset("panic");
    expect(await ask("GET", "/v1/device")).toMatchObject({
      safe_mode: true,
      reset: { reason: "panic", count: 5 },
    });
    expect((await encode(board))[0]).toBe(503);
    expect(await ask("PUT", "/v1/models/model_b", MODEL)).toMatchObject({ status: 201, state: "VALID" });
    expect(await ask("POST", "/v1/models/model_b/activate")).toMatchObject({ status: 200, active: true });
    expect(await ask("GET", "/v1/device")).toMatchObject({ safe_mode: false });
    expect((await encode(board))[0]).toBe(200);
    await board.close();
  });

  test("has one model that runs, wherever power goes in an update", async () => {
    const board = await create();
    const ask = asked(board);
    const update = async () => {
      const sent = await ask("PUT", "/v1/models/model_b", MODEL);
      return sent.status === 201 ? ask("POST", "/v1/models/model_b/activate") : sent;
    };
    const latent = await encode(board);
    const before = await board.flashOperations();
    expect(await update()).toMatchObject({ status: 200 });
    const operations = (await board.flashOperations()) - before;
    await ask("POST", "/v1/models/model_a/activate");
    const cuts = process.env.SYNAPSE_PORT_CUTS === "all" ? operations : CUTS;
    for (let index = 0; index < cuts; index++) {
      const at = Math.floor((index * operations) / cuts);
      await board.cutPower(at, POWER_CUTS[index % POWER_CUTS.length] ?? "torn");
      await expect(update()).rejects.toThrow("lost its power");
      await board.reset();
      const { slots } = (await ask("GET", "/v1/device")) as { slots?: { state: string; active: boolean }[] };
      expect([at, slots?.filter(({ active }) => active)]).toMatchObject([at, [{ state: "VALID" }]]);
      expect([at, await encode(board)]).toEqual([at, latent]);
      // A board that starts again and again without being well for a minute would begin without its model.
      await board.skip(61);
      await ask("POST", "/v1/models/model_a/activate");
      expect(await ask("GET", "/v1/models/model_a")).toMatchObject({ active: true });
    }
    await board.close();
  });

  test("answers right for a while, whatever its clients do", { timeout: (SOAK_S + 120) * 1000 }, async () => {
    const board = await create();
    const right = await encode(board);
    const until = Date.now() + SOAK_S * 1000;
    const answered: Record<string, number> = {};
    const count = (status: unknown) => {
      answered[String(status)] = (answered[String(status)] ?? 0) + 1;
    };
    const correct = async () => {
      const [status, latent] = await encode(board).catch(() => ["reset", undefined]);
      count(status);
      if (status === 200) expect(latent).toEqual(right[1]);
    };
    const malformed = async () => {
      const headers = { "content-type": "application/json" };
      const body = json({ history: [[1]] });
      const answer = await board
        .handle({ method: "POST", target: "/v1/predict", headers, body })
        .catch(() => ({ status: "reset" }));
      count(answer.status);
      expect(["reset", 422, 503]).toContain(answer.status);
    };
    const abandoned = () =>
      new Promise<void>((resolve) => {
        const headers = { "content-type": "application/json", "content-length": "5000" };
        const sink = { head: count, chunk: () => undefined, end: () => undefined };
        const open = board.open({ method: "POST", target: "/v1/plan", headers }, sink);
        open.write(json({}));
        setTimeout(() => {
          open.close();
          resolve();
        }, 5);
      });
    const again = async (act: () => Promise<void>) => {
      while (Date.now() < until) await act();
    };
    await Promise.all([correct, correct, malformed, abandoned].map(again));
    expect(answered["200"]).toBeGreaterThan(10);
    await expect.poll(() => encode(board)).toEqual(right);
    const idle = { queue: { in_progress: 0 } };
    await expect.poll(() => asked(board)("GET", "/v1/device")).toMatchObject(idle);
    await board.close();
  });
});
