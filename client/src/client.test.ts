import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type BoardServer, SimulatedBoard, serveBoard } from "synapse-sim";
import { readBoard } from "synapse-sim/boards";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { sleep } from "./call.js";
import { readEvents } from "./events.js";
import {
  BoardError,
  BoardTimeout,
  BoardUnreachable,
  type HttpOptions,
  type Image,
  SynapseClient,
  UnexpectedAnswer,
} from "./index.js";

const ROOT = new URL("../../", import.meta.url);
const MODEL = readFileSync(new URL("sim/fixtures/lewm-test.syn", ROOT));
const picture = (name: string): Image => ({
  bytes: readFileSync(new URL(`samples/${name}`, ROOT)),
  type: "image/jpeg",
});
/** What the API's document says of an event of progress. */
const { PlanProgress: PROGRESS } = JSON.parse(
  readFileSync(new URL("firmware/components/synapse/web/openapi.json", ROOT), "utf8"),
).components.schemas;
const action = (step: number): number[] => Array.from({ length: 10 }, (_, i) => Math.sin(step + i));

describe("with a board", () => {
  let board: SimulatedBoard;
  let server: BoardServer;
  let client: SynapseClient;

  beforeAll(async () => {
    const file = await readBoard(new URL("boards/waveshare-esp32-p4-wifi6.json", ROOT).pathname);
    board = await SimulatedBoard.create({ board: file, model: MODEL, access: "unclaimed" });
    server = await serveBoard(board, { port: 0 });
    client = new SynapseClient({ url: server.url });
  });
  afterAll(async () => {
    await server?.close();
    await board?.close();
  });

  test("claims it, and is its owner from then on", async () => {
    expect((await client.device()).claimed).toBe(false);
    await expect(client.models()).rejects.toMatchObject({ status: 403, code: "UNCLAIMED" });
    const { token } = await client.claim({ name: "bench" });
    expect(client.token).toBe(token);
    expect(await client.device()).toMatchObject({ name: "bench", claimed: true });
    await expect(new SynapseClient({ url: server.url, token: "x" }).models()).rejects.toMatchObject({
      status: 401,
      code: "TOKEN_WRONG",
    });
    expect(await client.changeSettings({ groups: ["lab"], open_read: true })).toMatchObject({
      groups: ["lab"],
      open_read: true,
    });
    expect((await client.settings()).groups).toEqual(["lab"]);
    expect((await new SynapseClient({ url: server.url }).models()).slots).toHaveLength(2);
  });

  test("encodes, predicts and rolls out, exactly as plain JSON does", async () => {
    const { latent, model, timing } = await client.encode(picture("cat.jpg"));
    expect(latent).toBeInstanceOf(Float32Array);
    expect([model.name, model.untrained]).toEqual(["lewm-test", true]);
    expect(timing.inference_us).toBeGreaterThan(0);
    const headers = { "content-type": "image/jpeg", authorization: `Bearer ${client.token}` };
    const body = picture("cat.jpg").bytes as Uint8Array<ArrayBuffer>;
    const plain = (await (await fetch(`${server.url}/v1/encode`, { method: "POST", headers, body })).json()) as {
      latent: number[];
    };
    expect([...latent]).toEqual(plain.latent.map(Math.fround));
    const actions = [0, 1, 2, 3].map(action);
    const { trajectory } = await client.rollout(picture("cat.jpg"), actions);
    expect(trajectory).toHaveLength(5);
    expect(trajectory[0]).toEqual(latent);
    expect((await client.rollout({ latent }, actions)).trajectory).toEqual(trajectory);
    expect((await client.predict([latent], actions.slice(0, 1))).latent).toEqual(trajectory[1]);
  });

  test("plans, tells progress, and can be stopped", async () => {
    const request = {
      start: picture("cat.jpg"),
      goal: picture("coffee.jpg"),
      horizon: 2,
      budget: { samples: 8, iterations: 3, elites: 3 },
      seed: 5,
    };
    const plan = await client.plan(request);
    expect(plan.actions).toHaveLength(2);
    const kinds: string[] = [];
    for await (const event of client.planEvents(request)) {
      kinds.push(event.kind);
      if (event.kind === "progress") expect(Object.keys(event.progress)).toEqual(PROGRESS.required);
      if (event.kind === "result") expect(event.result.actions).toEqual(plan.actions);
    }
    expect(kinds).toEqual(["progress", "progress", "progress", "result"]);
    const stop = new AbortController();
    const long = client.planEvents(
      { ...request, budget: { samples: 300, iterations: 30, elites: 30 }, horizon: 5 },
      { signal: stop.signal },
    );
    expect((await long.next()).value?.kind).toBe("progress");
    stop.abort(new Error("enough"));
    await expect(long.next()).rejects.toThrow();
    await expect.poll(async () => (await client.device()).queue.in_progress).toBe(0);
  });

  test("sees what is in progress, and ends it", async () => {
    expect(await client.requests()).toEqual([]);
    await expect(client.stopRequest(999_999)).rejects.toMatchObject({ status: 404, code: "REQUEST_UNKNOWN" });
    expect(await client.stopStrangers()).toBe(0);
  });

  test("watches a stream for surprise", async () => {
    const first = await client.observe({ stream: "film", frame: picture("cat.jpg"), reset: true });
    expect(first).toMatchObject({ frame: 1, surprise: null });
    const next = await client.predict([first.latent], [action(0)]);
    expect(await client.observe({ stream: "film", frame: next, action: action(0) })).toMatchObject({
      frame: 2,
      surprise: 0,
    });
  });

  test("tells metrics, log and self-test", async () => {
    expect(await client.metrics()).toContain("synapse_requests_total");
    const { entries } = await client.log();
    for await (const line of client.followLog()) {
      expect(line).toEqual(entries[0]);
      break;
    }
    expect((await client.selftest()).passed).toBe(true);
  });

  test("uploads a model with progress, goes on after a cut, and switches to it", async () => {
    await expect(client.uploadModel("model_a", MODEL)).rejects.toMatchObject({ code: "SLOT_ACTIVE" });
    const headers = { authorization: `Bearer ${client.token}`, "content-range": `bytes 0-49999/${MODEL.length}` };
    await fetch(`${server.url}/v1/models/model_b`, { method: "PUT", headers, body: MODEL.subarray(0, 50_000) });
    const told: number[] = [];
    const slot = await client.uploadModel("model_b", MODEL, { onProgress: (sent) => told.push(sent) });
    expect([slot.state, told]).toEqual(["VALID", [50_000, MODEL.length]]);
    expect((await client.uploadModel("model_b", MODEL)).state).toBe("VALID");
    expect(await client.activateModel("model_b")).toMatchObject({ slot: "model_b", active: true });
    expect((await client.model("model_a")).active).toBe(false);
  });

  test("explains what the board refuses", async () => {
    const wrong = client.predict([[1, 2]], [[1]]);
    await expect(wrong).rejects.toBeInstanceOf(BoardError);
    await expect(wrong).rejects.toMatchObject({
      status: 422,
      code: "BODY_INVALID",
      field: "history[0]",
      expected: expect.stringContaining("32"),
    });
  });

  test("reboots it, and gives it away", async () => {
    await client.reboot();
    await expect.poll(async () => (await client.device().catch(() => undefined))?.reset.reason).toBe("software");
    await client.release();
    expect((await client.device()).claimed).toBe(false);
  });
});

test("an address under which there can be no board is refused, and the token in it is not shown", () => {
  for (const url of ["http://board.local", "http://board.local:8080/", "https://[fe80::1]:8443/a/b", ""]) {
    expect(() => new SynapseClient({ url })).not.toThrow();
  }
  expect(() => new SynapseClient({ url: "127.0.0.1:8080" })).toThrow(
    'url is "127.0.0.1:8080"; expected the address alone',
  );
  expect(() => new SynapseClient({ url: undefined as unknown as string })).toThrow(
    "url is undefined; expected the address alone",
  );
  const ofPage = () => new SynapseClient({ url: "http://board.local/#token=secret" });
  expect(ofPage).toThrow("url has a query or a fragment");
  expect(ofPage).not.toThrow("secret");
  const ofUser = () => new SynapseClient({ url: "http://shelf:secret@board.local" });
  expect(ofUser).toThrow("url has a user");
  expect(ofUser).not.toThrow("secret");
});

test("a token that is none is said to be, and not shown; one from a file may have its end of line", () => {
  const ofLines = () => new SynapseClient({ url: "http://board.local", token: "secret\nsecret" });
  expect(ofLines).toThrow("token has characters that no board puts into one");
  expect(ofLines).not.toThrow("secret");
  expect(new SynapseClient({ url: "http://board.local", token: "abc\n" }).token).toBe("abc");
});

describe("when things go wrong", () => {
  let server: Server | undefined;
  let seen = 0;
  const waits: number[] = [];

  afterEach(() => {
    vi.useRealTimers();
    server?.closeAllConnections();
    server?.close();
  });

  /** A client of a server that does this, and does not wait between attempts. */
  async function against(
    answer: (request: IncomingMessage, response: ServerResponse, attempt: number) => void,
    options: Partial<HttpOptions> = {},
  ): Promise<SynapseClient> {
    seen = 0;
    waits.length = 0;
    server = createServer((request, response) => answer(request, response, ++seen)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return new SynapseClient({ url, sleep: async (milliseconds) => void waits.push(milliseconds), ...options });
  }
  const busy = (response: ServerResponse, seconds: number) =>
    response.writeHead(503).end(JSON.stringify({ code: "QUEUE_FULL", detail: "full", retry_after_s: seconds }));

  test("a busy board is asked again when it says, whatever the request", async () => {
    const client = await against((_, response, attempt) =>
      attempt < 3 ? busy(response, 7) : response.end('{"surprise":null,"latent":""}'),
    );
    await client.observe({ stream: "a", frame: { latent: [1] } });
    expect([seen, waits]).toEqual([3, [7000, 7000]]);
  });

  test("and given up when it stays busy, or asks for too much patience", async () => {
    await expect((await against((_, response) => busy(response, 1))).device()).rejects.toMatchObject({
      code: "QUEUE_FULL",
      retryAfterS: 1,
    });
    expect(seen).toBe(4);
    await expect((await against((_, response) => busy(response, 3600))).device()).rejects.toMatchObject({
      code: "QUEUE_FULL",
    });
    expect(seen).toBe(1);
  });

  test("a lost connection is tried again only where that is safe", async () => {
    const drops = (request: IncomingMessage, response: ServerResponse, attempt: number) =>
      attempt < 3 ? request.socket.destroy() : response.end("{}");
    await (await against(drops)).device();
    expect(seen).toBe(3);
    await expect((await against(drops)).activateModel("model_b")).rejects.toBeInstanceOf(BoardUnreachable);
    expect(seen).toBe(1);
  });

  test("silence ends in a timeout, and a caller can leave earlier with its own reason", async () => {
    const client = await against(() => undefined);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const ended = vi.fn();
    // The call's own limit, not the client's.
    const silent = client.device({ timeoutMs: 50 });
    silent.catch(ended);
    await vi.advanceTimersByTimeAsync(49);
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await expect(silent).rejects.toThrow(new BoardTimeout("GET /v1/device was not answered within 50 ms"));
    vi.useRealTimers();
    const stop = new AbortController();
    const waiting = client.device({ signal: stop.signal });
    stop.abort(new Error("changed my mind"));
    await expect(waiting).rejects.toThrow("changed my mind");
    await expect(client.device({ signal: stop.signal })).rejects.toThrow("changed my mind");
  });

  test("no limit of time is no limit", async () => {
    for (const timeoutMs of [Number.POSITIVE_INFINITY, 30 * 86_400_000]) {
      let answer = (): void => undefined;
      const client = await against((_, response) => {
        answer = () => void response.end("{}");
      });
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const answered = client.device({ timeoutMs });
      await vi.advanceTimersByTimeAsync(86_400_000);
      vi.useRealTimers();
      await expect.poll(() => seen).toBe(1);
      answer();
      await answered;
      server?.close();
    }
  });

  test("a caller that leaves between two looks does not wait for the next", async () => {
    const client = await against((_, response) => response.end('{"entries":[{"sequence":1}],"next":1,"dropped":0}'), {
      sleep,
    });
    const stop = new AbortController();
    const lines = client.followLog({}, { signal: stop.signal });
    expect((await lines.next()).value).toEqual({ sequence: 1 });
    stop.abort(new Error("seen enough"));
    const started = seen;
    await expect(sleep(86_400_000, stop.signal)).rejects.toThrow("seen enough");
    await expect(lines.next()).rejects.toThrow("seen enough");
    expect(seen).toBe(started);
  });

  test("a log is followed into the board's next life, from its first line", async () => {
    const lives = [
      { entries: [{ sequence: 7 }], next: 7, dropped: 0 },
      { entries: [], next: 2, dropped: 0 },
      { entries: [{ sequence: 1 }, { sequence: 2 }], next: 2, dropped: 0 },
    ];
    const asked: string[] = [];
    const client = await against((request, response, attempt) => {
      asked.push(String(request.url));
      response.end(JSON.stringify(lives[Math.min(attempt, 3) - 1]));
    });
    const told: number[] = [];
    for await (const { sequence } of client.followLog()) if (told.push(sequence) === 3) break;
    expect(told).toEqual([7, 1, 2]);
    expect(asked).toEqual(["/v1/log?after=0", "/v1/log?after=7", "/v1/log?after=0"]);
  });

  test("events that break off are a board that cannot be reached, and a caller that stops hears its own reason", async () => {
    const progress = "event: progress\ndata: {}\n\n";
    const request = { start: { latent: [1] }, goal: { latent: [1] } };
    const breaks = await against((_, response) => void response.write(progress, () => response.destroy()));
    const broken = breaks.planEvents(request);
    expect((await broken.next()).value).toEqual({ kind: "progress", progress: {} });
    await expect(broken.next()).rejects.toBeInstanceOf(BoardUnreachable);
    const stop = new AbortController();
    const silent = (await against((_, response) => void response.write(progress))).planEvents(request, {
      signal: stop.signal,
    });
    await silent.next();
    const waiting = silent.next();
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });

  test("events that end in the middle of one are no whole answer", async () => {
    for (const text of [
      'event: result\ndata: {"actions":[',
      "event: progress\ndata: {}\n\nevent: result",
      "event: result\ndata: {}\n",
    ]) {
      const client = await against((_, response) => response.end(text));
      const events = async () => {
        for await (const _ of client.planEvents({ start: { latent: [1] }, goal: { latent: [1] } }));
      };
      await expect(events()).rejects.toThrow(new UnexpectedAnswer("the events broke off in the middle of one"));
    }
  });

  test("a reader of events that leaves early ends the request", async () => {
    const closed = new Promise<void>((resolve) => {
      void against((request, response) => {
        response.on("close", resolve);
        response.writeHead(200).write("event: progress\ndata: {}\n\n");
        request.resume();
      }).then(async (client) => {
        for await (const _ of client.planEvents({ start: { latent: [1] }, goal: { latent: [1] } })) break;
      });
    });
    await closed;
  });

  test("events are read however they are cut, with comments between them", async () => {
    const text =
      '\uFEFF: hello\r\n\r\nevent: progress\r\ndata: {"note":"μ\u2028"}\r\n\r\n: still there\n\n' +
      'id: 1\n\nevent: progress\ndata: {"n":\ndata: 2}\n\n';
    const bytes = new TextEncoder().encode(text);
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
          controller.close();
        },
      });
      const events: unknown[] = [];
      for await (const { name, data } of readEvents(stream)) events.push([name, data]);
      expect(events).toEqual([
        ["progress", { note: "μ\u2028" }],
        ["progress", { n: 2 }],
      ]);
    }
  });

  test("an upload whose last answer was lost waits until the board has checked the file", async () => {
    const digest = MODEL.subarray(32, 64).toString("hex");
    const slot = { slot: "model_b", sha256: digest, bytes: MODEL.length, active: false };
    const upload = { received_bytes: MODEL.length, bytes: MODEL.length };
    const states = [
      { ...slot, state: "EMPTY", upload },
      { ...slot, state: "EMPTY", upload },
      { ...slot, state: "VALID" },
    ];
    const methods: string[] = [];
    const client = await against((request, response) => {
      methods.push(String(request.method));
      response.end(JSON.stringify(states.length > 1 ? states.shift() : states[0]));
    });
    expect(await client.uploadModel("model_b", MODEL)).toMatchObject({ state: "VALID" });
    expect(methods).toEqual(["GET", "GET", "GET"]);
  });

  test("an upload whose board was reset between two parts begins anew, but not in the place of somebody else's", async () => {
    const pack = new Uint8Array(600_000);
    const slot = { slot: "model_b", sha256: "00".repeat(32), active: false };
    const resets = async (after: object) => {
      const asked: string[] = [];
      let holds = 0;
      let reset = false;
      const client = await against((request, response) => {
        const range = /^bytes (\d+)-(\d+)/.exec(String(request.headers["content-range"]));
        asked.push(range === null ? "looks" : `from ${range[1]}`);
        request.resume().on("end", () => {
          if (range === null) return response.end(JSON.stringify(reset ? after : { state: "EMPTY" }));
          if (Number(range[1]) > 0 && !reset) {
            [reset, holds] = [true, 0];
            return response.writeHead(409).end('{"code":"RANGE_MISMATCH","detail":"the board cannot go on"}');
          }
          holds = Number(range[2]) + 1;
          return response.end(JSON.stringify({ ...slot, state: holds === pack.length ? "VALID" : "BROKEN" }));
        });
      });
      return { asked, uploaded: client.uploadModel("model_b", pack) };
    };
    const { asked, uploaded } = await resets({ ...slot, state: "BROKEN" });
    expect((await uploaded).state).toBe("VALID");
    expect(asked).toEqual(["looks", "from 0", "from 262144", "looks", "from 0", "from 262144", "from 524288"]);
    server?.close();
    const others = await resets({
      ...slot,
      state: "BROKEN",
      sha256: "11".repeat(32),
      upload: { received_bytes: 5, bytes: 9 },
    });
    await expect(others.uploaded).rejects.toMatchObject({ code: "RANGE_MISMATCH" });
    expect(others.asked).toEqual(["looks", "from 0", "from 262144", "looks"]);
  });

  test("nothing is no model", async () => {
    const client = await against((request, response) =>
      request.method === "GET"
        ? response.end('{"state":"EMPTY"}')
        : response.writeHead(422).end('{"code":"NOT_A_PACK","detail":"the request has no body"}'),
    );
    await expect(client.uploadModel("model_b", new Uint8Array())).rejects.toMatchObject({ code: "NOT_A_PACK" });
  });

  test("something that is no board is recognised", async () => {
    await expect((await against((_, response) => response.end("<html>router</html>"))).device()).rejects.toBeInstanceOf(
      UnexpectedAnswer,
    );
    const teapot = await against((_, response) => response.writeHead(418).end("short and stout"));
    await expect(teapot.device()).rejects.toBeInstanceOf(UnexpectedAnswer);
    const cut = await against((_, response) =>
      response.writeHead(200, { "content-type": "text/event-stream" }).end("event: progress\ndata: {}\n\n"),
    );
    await expect(
      (async () => {
        for await (const _ of cut.planEvents({ start: { latent: [1] }, goal: { latent: [1] } }));
      })(),
    ).rejects.toThrow("without a result");
  });
});
