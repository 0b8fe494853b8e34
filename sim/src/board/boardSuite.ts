import { readFileSync } from "node:fs";
import { decode, encode } from "cbor-x";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BoardEngine, BoardRequest, BoardResponse } from "./board.js";
import { type Board, parseBoard } from "./boardSchema.js";

const ROOT = new URL("../../../", import.meta.url);
export const MODEL = readFileSync(new URL("sim/fixtures/lewm-test.syn", ROOT));
export const LATENT = 32;
export const ACTION = 10;
export const SIDE = 28;

export function testBoard(edit: (board: Board) => void = () => undefined): Board {
  const board = parseBoard(readFileSync(new URL("boards/waveshare-esp32-p4-wifi6.json", ROOT), "utf8"), "board");
  edit(board);
  return board;
}

export const sample = (name: string): Uint8Array => readFileSync(new URL(`samples/${name}`, ROOT));

export function jsonOf(response: { readonly body: Uint8Array }): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(response.body));
}

export const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const actions = (count: number): number[][] =>
  Array.from({ length: count }, (_, step) => Array.from({ length: ACTION }, (_, i) => Math.sin(step + i)));

/** A board as its clients see it. */
export interface AnsweringBoard {
  handle(request: BoardRequest): Promise<BoardResponse>;
  close(): Promise<void>;
}

/**
 * What every board answers, however it is reached. `atOnce`: of requests that come together; at most as many as the
 * board has connections.
 */
export function answersSuite(
  engine: BoardEngine | "esp32p4",
  start: () => Promise<AnsweringBoard>,
  { atOnce = 12 }: { readonly atOnce?: number } = {},
): void {
  describe("as its clients see it", () => {
    let board: AnsweringBoard;
    beforeAll(async () => {
      board = await start();
    });
    afterAll(() => board?.close());

    const post = (
      target: string,
      type: string,
      body: Uint8Array,
      accept = "application/json",
    ): Promise<BoardResponse> =>
      board.handle({ method: "POST", target, headers: { "content-type": type, accept }, body });
    const latentOf = async (name: string): Promise<number[]> =>
      jsonOf(await post("/v1/encode", "image/jpeg", sample(name))).latent as number[];

    it("describes itself and its model", async () => {
      const device = jsonOf(await board.handle({ method: "GET", target: "/v1/device" }));
      expect(device).toMatchObject({
        simulated: engine !== "esp32p4",
        board: { chip: "ESP32-P4", chip_revision: "1.3" },
        firmware: { engine },
        memory: { fast: { bytes: 393216 }, slow: { bytes: 29360128 } },
        safe_mode: false,
        slots: [
          { slot: "model_a", state: "VALID", active: true, name: "lewm-test", untrained: true },
          { slot: "model_b", state: "EMPTY", active: false, capacity_bytes: 9043968 },
        ],
      });
      const model = jsonOf(await board.handle({ method: "GET", target: "/v1/models/model_a" }));
      expect(model).toMatchObject({ entries: [{ name: "encode" }, { name: "predict" }], meta: { untrained: true } });
    });

    it("encodes a JPEG to the same latent in every form of answer", async () => {
      const asJson = await post("/v1/encode", "image/jpeg", sample("coffee.jpg"));
      expect(asJson.status).toBe(200);
      const { latent, model, timing } = jsonOf(asJson) as {
        latent: number[];
        model: unknown;
        timing: Record<string, number>;
      };
      expect(latent).toHaveLength(LATENT);
      expect(model).toMatchObject({ name: "lewm-test", untrained: true });
      expect(Object.keys(timing)).toEqual(["receive_us", "decode_us", "queue_us", "inference_us", "total_us"]);
      const asBase64 = jsonOf(await post("/v1/encode?latent=base64", "image/jpeg", sample("coffee.jpg")))
        .latent as string;
      const asCbor = decode((await post("/v1/encode", "image/jpeg", sample("coffee.jpg"), "application/cbor")).body)
        .latent as number[];
      expect([...new Float32Array(Uint8Array.from(Buffer.from(asBase64, "base64")).buffer)]).toEqual(
        latent.map(Math.fround),
      );
      expect(asCbor).toEqual(latent.map(Math.fround));
    });

    it("takes raw pixels, and a CBOR body made by another library", async () => {
      const pixels = new Uint8Array(SIDE * SIDE * 3).fill(128);
      const raw = jsonOf(await post("/v1/encode", "application/octet-stream", pixels)).latent;
      const body = encode({ image: pixels, type: "application/octet-stream" });
      expect(jsonOf(await post("/v1/encode", "application/cbor", body)).latent).toEqual(raw);
    });

    it("rolls out what it predicts, from a latent and from a picture", async () => {
      const start = await latentOf("cat.jpg");
      const plan = actions(5);
      const fromLatent = jsonOf(
        await post("/v1/rollout", "application/json", json({ start: { latent: start }, actions: plan })),
      );
      const trajectory = fromLatent.trajectory as number[][];
      expect(trajectory).toHaveLength(6);
      expect(trajectory[0]).toEqual(start);
      const image = Buffer.from(sample("cat.jpg")).toString("base64");
      const fromImage = jsonOf(
        await post("/v1/rollout", "application/json", json({ actions: plan, start: { type: "image/jpeg", image } })),
      );
      expect(fromImage.trajectory).toEqual(trajectory);
      const last = jsonOf(
        await post(
          "/v1/predict",
          "application/json",
          json({ history: trajectory.slice(2, 5), actions: plan.slice(2, 5) }),
        ),
      );
      expect(last.latent).toEqual(trajectory[5]);
    });

    it("takes latents and actions as Float32Array in CBOR", async () => {
      const start = Float32Array.from(await latentOf("cat.jpg"));
      const plan = actions(3);
      const cborBody = encode({ start: { latent: start }, actions: plan.map((row) => Float32Array.from(row)) });
      const cbor = jsonOf(await post("/v1/rollout", "application/cbor", cborBody));
      const rounded = plan.map((row) => row.map(Math.fround));
      const plain = jsonOf(
        await post("/v1/rollout", "application/json", json({ start: { latent: [...start] }, actions: rounded })),
      );
      expect(cbor.trajectory).toEqual(plain.trajectory);
    });

    it("rolls out a thousand steps, and not one more", async () => {
      const start = await latentOf("cat.jpg");
      const long = await post(
        "/v1/rollout?latent=base64",
        "application/json",
        json({ start: { latent: start }, actions: actions(1000) }),
      );
      expect(jsonOf(long).trajectory).toHaveLength(1001);
      const longer = await post(
        "/v1/rollout",
        "application/json",
        json({ start: { latent: start }, actions: actions(1001) }),
      );
      expect([longer.status, jsonOf(longer).field]).toEqual([422, "actions"]);
    });

    it("is not surprised by what it predicted, and is by something else", async () => {
      const [action] = actions(1);
      const observe = async (body: object) =>
        jsonOf(await post("/v1/observe", "application/json", json({ stream: "film", ...body })));
      const image = Buffer.from(sample("cat.jpg")).toString("base64");
      const first = await observe({ image, type: "image/jpeg", reset: true });
      expect(first).toMatchObject({
        stream: "film",
        frame: 1,
        surprise: null,
        count: 0,
        mean: null,
        deviation: null,
        evicted: null,
      });
      expect(first.latent).toEqual(await latentOf("cat.jpg"));
      const predicted = jsonOf(
        await post("/v1/predict", "application/json", json({ history: [first.latent], actions: [action] })),
      ).latent;
      expect(await observe({ latent: predicted, action })).toMatchObject({ frame: 2, surprise: 0, count: 1, mean: 0 });
      const other = await observe({ latent: await latentOf("rocket-portrait.jpg"), action });
      expect(other.surprise).toBeGreaterThan(0);
      expect(other.mean).toBeCloseTo((other.surprise as number) / 2, 5);
    });

    it("plans from picture to picture, and tells its progress as events", async () => {
      const picture = (name: string) => ({ image: Buffer.from(sample(name)).toString("base64"), type: "image/jpeg" });
      const budget = { samples: 8, iterations: 3, elites: 3 };
      const request = json({ start: picture("cat.jpg"), goal: picture("coffee.jpg"), horizon: 2, budget, seed: 5 });
      const plan = jsonOf(await post("/v1/plan", "application/json", request));
      expect(plan).toMatchObject({ horizon: 2, budget, seed: 5, predictions: 8 * 3 * 2 + 2 });
      const rolled = await post(
        "/v1/rollout",
        "application/json",
        json({ start: { latent: await latentOf("cat.jpg") }, actions: plan.actions }),
      );
      expect(plan.trajectory).toEqual(jsonOf(rolled).trajectory);
      const streamed = await post("/v1/plan", "application/json", request, "text/event-stream");
      expect(streamed.headers["content-type"]).toBe("text/event-stream");
      const events = new TextDecoder().decode(streamed.body).trimEnd().split("\n\n");
      expect(events.map((event) => /^event: (\w+)\ndata: \{.*\}$/.exec(event)?.[1])).toEqual([
        "progress",
        "progress",
        "progress",
        "result",
      ]);
      const result = JSON.parse(events[3]?.split("data: ")[1] ?? "");
      expect(result.actions).toEqual(plan.actions);
    });

    it("tells how it does: metrics, log and self-test", async () => {
      await latentOf("coffee.jpg");
      const metrics = await board.handle({ method: "GET", target: "/v1/metrics" });
      expect(metrics.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
      const text = new TextDecoder().decode(metrics.body);
      expect(text).toMatch(/^synapse_requests_total\{method="POST",route="\/v1\/encode",status="200"\} [1-9]/m);
      expect(text).toMatch(/^synapse_resets_total\{last_reason="power-on"\} 0$/m);
      const log = jsonOf(await board.handle({ method: "GET", target: "/v1/log" })) as { entries: { text: string }[] };
      expect(log.entries.map((entry) => entry.text)).toContain("model loaded");
      const selfTest = jsonOf(await board.handle({ method: "POST", target: "/v1/selftest" })) as {
        passed: boolean;
        vectors: unknown[];
        ops: { macs: number; ticks: number }[];
      };
      expect(selfTest.passed).toBe(true);
      expect(selfTest.vectors.length).toBeGreaterThan(0);
      expect(selfTest.ops.reduce((sum, { macs }) => sum + macs, 0)).toBeGreaterThan(0);
      expect(selfTest.ops.some(({ ticks }) => ticks > 0)).toBe(true);
    });

    it.each<[string, string, string, Uint8Array, number, string]>([
      ["half a JPEG", "/v1/encode", "image/jpeg", sample("cat.jpg").subarray(0, 4000), 422, "IMAGE_UNREADABLE"],
      ["a text that calls itself a JPEG", "/v1/encode", "image/jpeg", json("hello"), 422, "IMAGE_UNREADABLE"],
      ["an unknown type", "/v1/encode", "image/webp", json(""), 415, "CONTENT_TYPE"],
      ["a body that is too long", "/v1/encode", "image/jpeg", new Uint8Array(2097153), 413, "BODY_TOO_LARGE"],
      [
        "too few numbers",
        "/v1/predict",
        "application/json",
        json({ history: [[1]], actions: [[1]] }),
        422,
        "BODY_INVALID",
      ],
      [
        "half a JSON",
        "/v1/predict",
        "application/json",
        new TextEncoder().encode('{"history":'),
        400,
        "BODY_MALFORMED",
      ],
      [
        "half a CBOR",
        "/v1/predict",
        "application/cbor",
        encode({ history: [1] }).subarray(0, 5),
        400,
        "BODY_MALFORMED",
      ],
      ["an unknown key", "/v1/predict", "application/json", json({ hstory: [] }), 422, "BODY_INVALID"],
    ])("explains %s", async (_title, target, type, body, status, code) => {
      const response = await post(target, type, body);
      expect(response.headers["content-type"]).toBe("application/problem+json");
      const problem = jsonOf(response);
      expect(problem).toMatchObject({ status, code });
      expect(response.status).toBe(status);
      expect(problem.expected).toBeTruthy();
    });

    it("answers every one of many requests at once, or says that it is full", async () => {
      const responses = await Promise.all(
        Array.from({ length: atOnce }, () => post("/v1/encode", "image/jpeg", sample("cat.jpg"))),
      );
      const answered = responses.filter(({ status }) => status === 200);
      const refused = responses.filter(({ status }) => status !== 200);
      // One client's share without the owner's token, of the board's four places.
      expect(answered.length).toBeGreaterThanOrEqual(testBoard().requests.countMax - 2);
      const expected = await latentOf("cat.jpg");
      for (const response of answered) expect(jsonOf(response).latent).toEqual(expected);
      for (const response of refused) {
        expect(jsonOf(response)).toMatchObject({ status: 503, code: "QUEUE_FULL" });
        expect(Number(response.headers["retry-after"])).toBeGreaterThanOrEqual(1);
      }
    });
  });
}
