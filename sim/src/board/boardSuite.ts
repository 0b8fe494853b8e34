import { readFileSync } from "node:fs";
import { decode, encode } from "cbor-x";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BoardEngine, type BoardRequest, type BoardResponse, SimulatedBoard } from "./board.js";
import { type Board, parseBoard } from "./boardSchema.js";
import { POWER_CUTS } from "./deviceCore.js";

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

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const actions = (count: number): number[][] =>
  Array.from({ length: count }, (_, step) => Array.from({ length: ACTION }, (_, i) => Math.sin(step + i)));

/** A board as its clients see it. */
export interface AnsweringBoard {
  handle(request: BoardRequest): Promise<BoardResponse>;
  close(): Promise<void>;
}

/** What every board answers, however it is reached. */
export function answersSuite(engine: BoardEngine, start: () => Promise<AnsweringBoard>): void {
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
        simulated: true,
        board: { chip: "ESP32-P4", chip_revision: "1.3" },
        firmware: { engine },
        memory: { fast: { bytes: 512000 }, slow: { bytes: 29360128 } },
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
      };
      expect(selfTest.passed).toBe(true);
      expect(selfTest.vectors.length).toBeGreaterThan(0);
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
        Array.from({ length: 12 }, () => post("/v1/encode", "image/jpeg", sample("cat.jpg"))),
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

/** What every build of the board does. */
export function boardSuite(engine: BoardEngine): void {
  describe(`the ${engine} board`, () => {
    const create = () => SimulatedBoard.create({ board: testBoard(), model: MODEL, engine });
    answersSuite(engine, create);

    it("refuses a model that does not fit, and says by how many bytes", async () => {
      const createEdited = (edit: (board: Board) => void) =>
        SimulatedBoard.create({ board: testBoard(edit), model: MODEL, engine });
      // Just enough for the core itself: what it says that it needs when there is nothing.
      const tooSmall = await createEdited((edited) => {
        edited.psram.reservedBytes = edited.psram.bytes - 64;
      }).catch((error: Error) => error.message);
      const bodies = Number(/(\d+) bytes are needed/.exec(String(tooSmall))?.[1]);
      expect(bodies).toBeGreaterThan(4 * 2097152);
      await expect(
        createEdited((edited) => {
          edited.psram.reservedBytes = edited.psram.bytes - bodies - 64;
        }),
      ).rejects.toMatchObject({ code: "MODEL_EXCEEDS_PSRAM", message: expect.stringMatching(/\d+ bytes are missing/) });
      await expect(
        createEdited((edited) => {
          edited.psram.reservedBytes = edited.psram.bytes - bodies + 64;
        }),
      ).rejects.toMatchObject({ message: expect.stringContaining("64 bytes are missing") });
      await expect(
        createEdited((edited) => {
          edited.sram.freeBytes = 16384;
        }),
      ).rejects.toMatchObject({ code: "MODEL_EXCEEDS_SRAM", message: expect.stringMatching(/\d+ bytes are missing/) });
      await expect(
        createEdited((edited) => {
          for (const partition of edited.partitions) if (partition.name === "model_a") partition.size = 8192;
        }),
      ).rejects.toMatchObject({
        code: "MODEL_EXCEEDS_FLASH",
        message: expect.stringContaining(`${MODEL.length - 8192} bytes are missing`),
      });
    });

    it("refuses a damaged model with the runtime's words", async () => {
      const damaged = Uint8Array.from(MODEL);
      damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
      await expect(
        SimulatedBoard.create({ board: testBoard(), model: damaged, modelSource: "x.syn", engine }),
      ).rejects.toMatchObject({
        code: "MODEL_INVALID",
        source: "x.syn",
      });
    });

    describe("with a second model", () => {
      let other: SimulatedBoard;
      let latent: unknown;
      beforeEach(async () => {
        other = await create();
        [, latent] = await encodes();
      });
      afterEach(() => other.close());

      const ask = (method: string, target: string, body?: Uint8Array, headers: Record<string, string> = {}) =>
        other.handle({
          method,
          target,
          headers: { authorization: `Bearer ${other.ownerToken}`, ...headers },
          ...(body === undefined ? {} : { body }),
        });
      const slot = async (name: string) => jsonOf(await ask("GET", `/v1/models/${name}`));
      const encodes = async () => {
        const answer = await ask("POST", "/v1/encode", sample("cat.jpg"), { "content-type": "image/jpeg" });
        return [answer.status, jsonOf(answer).latent];
      };

      it("takes it, runs it when told to, and still does after a reset", async () => {
        const uploaded = await ask("PUT", "/v1/models/model_b", MODEL);
        expect([uploaded.status, jsonOf(uploaded)]).toMatchObject([
          201,
          { slot: "model_b", state: "VALID", active: false },
        ]);
        const activated = await ask("POST", "/v1/models/model_b/activate");
        expect([activated.status, jsonOf(activated)]).toMatchObject([
          200,
          { slot: "model_b", state: "VALID", active: true },
        ]);
        expect(jsonOf(activated).vectors_passed).toBeGreaterThan(0);
        expect(await encodes()).toEqual([200, latent]);
        await other.reset("software");
        expect(await slot("model_b")).toMatchObject({ state: "VALID", active: true, name: "lewm-test" });
        expect(await slot("model_a")).toMatchObject({ state: "VALID", active: false });
        expect(await encodes()).toEqual([200, latent]);
        expect(jsonOf(await ask("GET", "/v1/device")).reset).toEqual({ reason: "software", count: 1 });
      });

      it("refuses a broken one and runs on", async () => {
        const damaged = Uint8Array.from(MODEL);
        damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
        const refused = await ask("PUT", "/v1/models/model_b", damaged);
        expect([refused.status, jsonOf(refused).code]).toEqual([422, "DIGEST_WRONG"]);
        expect(await slot("model_b")).toMatchObject({ state: "BROKEN", detail: expect.stringContaining("checksum") });
        const text = await ask("PUT", "/v1/models/model_b", new TextEncoder().encode("x".repeat(200)));
        expect([text.status, jsonOf(text).code]).toEqual([422, "NOT_A_PACK"]);
        expect(await encodes()).toEqual([200, latent]);
      });

      it("goes on with an upload that broke off", async () => {
        const head = {
          method: "PUT",
          target: "/v1/models/model_b",
          headers: { "content-length": String(MODEL.length), authorization: `Bearer ${other.ownerToken}` },
        };
        const open = other.open(head, { head: () => undefined, chunk: () => undefined, end: () => undefined });
        open.write(MODEL.subarray(0, 70_000));
        open.close();
        const { upload } = (await slot("model_b")) as { upload: { received_bytes: number } };
        expect(upload).toEqual({ received_bytes: 70_000, bytes: MODEL.length });
        const rest = await ask("PUT", "/v1/models/model_b", MODEL.subarray(70_000), {
          "content-range": `bytes 70000-${MODEL.length - 1}/${MODEL.length}`,
        });
        expect([rest.status, jsonOf(rest).state]).toEqual([201, "VALID"]);
      });

      it.each(POWER_CUTS)(
        "comes back from a cut of power (%s) in the middle of an upload, and takes the model then",
        async (cut) => {
          const operations = other.flashOperations;
          other.cutPower(20, cut);
          await expect(ask("PUT", "/v1/models/model_b", MODEL)).rejects.toThrow("lost its power");
          expect(other.flashOperations).toBe(operations + 21);
          expect(other.running).toBe(false);
          await expect(ask("GET", "/v1/device")).rejects.toThrow("no power");
          await other.reset();
          expect(jsonOf(await ask("GET", "/v1/device"))).toMatchObject({
            reset: { reason: "power-on", count: 1 },
            slots: [
              { slot: "model_a", state: "VALID", active: true },
              { slot: "model_b", state: "BROKEN", detail: "the upload ended early" },
            ],
          });
          expect(await encodes()).toEqual([200, latent]);
          expect((await ask("PUT", "/v1/models/model_b", MODEL)).status).toBe(201);
          expect((await ask("POST", "/v1/models/model_b/activate")).status).toBe(200);
          expect(await encodes()).toEqual([200, latent]);
        },
      );

      it("is reset in the middle of inference", async () => {
        const answer = ask("POST", "/v1/encode", sample("cat.jpg"), { "content-type": "image/jpeg" });
        const lost = expect(answer).rejects.toThrow("was reset");
        await other.reset("watchdog");
        await lost;
        expect(await encodes()).toEqual([200, latent]);
      });

      it("is reset twice at once in the middle of inference", async () => {
        const frame = { latent: Array(LATENT).fill(0.5) };
        const answer = ask("POST", "/v1/plan", json({ start: frame, goal: frame }), {
          "content-type": "application/json",
        });
        const lost = expect(answer).rejects.toThrow("was reset");
        await Promise.all([other.reset("watchdog"), other.reset("brownout")]);
        await lost;
        expect(jsonOf(await ask("GET", "/v1/device")).reset).toMatchObject({ reason: "brownout" });
        expect(await encodes()).toEqual([200, latent]);
      });

      it("can be reset, and closed, by whoever hears its log", async () => {
        let act = (): Promise<void> => Promise.resolve();
        const acted: Promise<void>[] = [];
        const log = (_level: string, text: string) => {
          if (text === "a model was uploaded") acted.push(act());
        };
        const heard = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine, log });
        const upload = () =>
          heard.handle({
            method: "PUT",
            target: "/v1/models/model_b",
            headers: { authorization: `Bearer ${heard.ownerToken}` },
            body: MODEL,
          });
        act = () => heard.reset("watchdog");
        await expect(upload()).rejects.toThrow("was reset");
        await Promise.all(acted);
        act = () => heard.close();
        await expect(upload()).rejects.toThrow("the board is closed");
        await Promise.all(acted);
        expect(acted).toHaveLength(2);
      });

      it("is reset in the middle of an answer, which then is none", async () => {
        const frame = { latent: Array(LATENT).fill(0.5) };
        const plan = { start: frame, goal: frame, budget: { samples: 300, iterations: 30, elites: 30 } };
        const headers = {
          authorization: `Bearer ${other.ownerToken}`,
          "content-type": "application/json",
          accept: "text/event-stream",
        };
        for (const cut of [() => other.reset("watchdog"), async () => other.setLink(false)]) {
          const lost = expect(ask("POST", "/v1/plan", json(plan), headers)).rejects.toThrow("before it answered");
          await cut();
          await lost;
        }
        other.setLink(true);
        expect(await encodes()).toEqual([200, latent]);
      });

      it("stays off when its power goes while it says goodbye before a reboot", async () => {
        let left = (): void => undefined;
        const leaving = new Promise<void>((resolve) => {
          left = resolve;
        });
        let stops = 0;
        const asked = new Promise<void>((resolve) => {
          const nothing = () => undefined;
          const network = {
            publish: () => true,
            subscribe: nothing,
            settingsChanged: nothing,
            up: nothing,
            lost: nothing,
          };
          other.attach({
            ...network,
            down: () => void stops++,
            leave: () => {
              resolve();
              return leaving;
            },
          });
        });
        expect((await ask("POST", "/v1/reboot")).status).toBe(202);
        await asked;
        other.cutPower(0, "dropped");
        await expect(
          ask("PUT", "/v1/settings", json({ name: "x" }), { "content-type": "application/json" }),
        ).rejects.toThrow("lost its power");
        left();
        // All that was waiting for the goodbye goes on before this does. A board that starts itself anew stops once
        // more.
        await new Promise((resolve) => setImmediate(resolve));
        expect([other.running, stops]).toEqual([false, 1]);
        await other.reset();
        expect(await encodes()).toEqual([200, latent]);
      });
    });

    describe("as it comes from the factory", () => {
      let fresh: SimulatedBoard;
      const lines: string[] = [];
      beforeEach(async () => {
        lines.length = 0;
        const log = (_level: string, text: string) => void lines.push(text);
        fresh = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine, access: "unclaimed", log });
      });
      afterEach(() => fresh.close());

      const ask = async (method: string, target: string, body?: object, token?: string) => {
        const headers = {
          "content-type": "application/json",
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        };
        const answer = await fresh.handle({
          method,
          target,
          headers,
          ...(body === undefined ? {} : { body: json(body) }),
        });
        return { status: answer.status, ...jsonOf(answer) } as Record<string, unknown>;
      };

      it("is claimed once, and answers its owner from then on, also after a reset", async () => {
        expect(await ask("GET", "/v1/device")).toMatchObject({ status: 200, claimed: false, claim_window: true });
        expect(await ask("GET", "/v1/models")).toMatchObject({ status: 403, code: "UNCLAIMED" });
        const { token, ...claimed } = await ask("POST", "/v1/claim", { name: "on the shelf" });
        expect(claimed).toMatchObject({ status: 201, name: "on the shelf" });
        expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
        expect(await ask("POST", "/v1/claim", {})).toMatchObject({ status: 401, code: "TOKEN_MISSING" });
        expect(await ask("GET", "/v1/models")).toMatchObject({ status: 401 });
        expect(await ask("GET", "/v1/models", undefined, "wrong")).toMatchObject({ status: 401, code: "TOKEN_WRONG" });
        await fresh.reset();
        expect(await ask("GET", "/v1/device", undefined, token as string)).toMatchObject({
          status: 200,
          claimed: true,
          name: "on the shelf",
        });
      });

      it("takes the code of its serial console when the window is closed", async () => {
        await fresh.reset("watchdog");
        expect(await ask("POST", "/v1/claim", {})).toMatchObject({ status: 403, code: "CLAIM_CLOSED" });
        const last = lines.filter((line) => line.includes("claim code")).at(-1);
        const code = /claim code (\d{4} \d{4})/.exec(last ?? "")?.[1];
        expect(code).toBeDefined();
        expect(await ask("POST", "/v1/claim", { code })).toMatchObject({ status: 201 });
      });

      it("reboots when its owner says so", async () => {
        const { token } = await ask("POST", "/v1/claim", {});
        expect(await ask("POST", "/v1/reboot")).toMatchObject({ status: 401 });
        expect(await ask("POST", "/v1/reboot", undefined, token as string)).toMatchObject({
          status: 202,
          rebooting: true,
        });
        await expect
          .poll(async () => ask("GET", "/v1/device", undefined, token as string).catch(() => undefined))
          .toMatchObject({ reset: { reason: "software", count: 1 } });
      });
    });

    it("can be closed while it works", async () => {
      const other = await create();
      const answer = other.handle({
        method: "POST",
        target: "/v1/encode",
        headers: { "content-type": "application/octet-stream" },
        body: new Uint8Array(SIDE * SIDE * 3),
      });
      await other.close();
      await expect(answer).rejects.toThrow("closed");
      await expect(other.handle({ method: "GET", target: "/v1/device" })).rejects.toThrow("closed");
    });
  });
}
