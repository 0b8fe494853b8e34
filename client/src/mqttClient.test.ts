import { readFileSync } from "node:fs";
import mqtt, { type MqttClient } from "mqtt";
import { BrokerLink, type EmbeddedBroker, SimulatedBoard, startBroker } from "synapse-sim";
import { readBoard } from "synapse-sim/boards";
import { hasMosquitto, startMosquitto } from "synapse-sim/testing/mosquitto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  BoardTimeout,
  BoardUnreachable,
  type Image,
  type MqttConnection,
  SynapseClient,
  SynapseMqttClient,
} from "./index.js";

const ROOT = new URL("../../", import.meta.url);
const MODEL = readFileSync(new URL("sim/fixtures/lewm-test.syn", ROOT));
const picture = (name: string): Image => ({
  bytes: readFileSync(new URL(`samples/${name}`, ROOT)),
  type: "image/jpeg",
});
const action = (step: number): number[] => Array.from({ length: 10 }, (_, i) => Math.sin(step + i));

async function startBoard(url: string): Promise<{ board: SimulatedBoard; link: BrokerLink }> {
  const file = await readBoard(new URL("boards/waveshare-esp32-p4-wifi6.json", ROOT).pathname);
  const board = await SimulatedBoard.create({ board: file, model: MODEL });
  return { board, link: new BrokerLink(board, { fallbackUrl: url, reconnectMs: 20 }) };
}

/** The board as HTTP sees it, to compare with. */
const httpOf = (board: SimulatedBoard): SynapseClient =>
  new SynapseClient({
    url: "http://board",
    token: board.ownerToken ?? "",
    fetch: (async (url: string, init: RequestInit) => {
      const body =
        init.body === undefined
          ? undefined
          : typeof init.body === "string"
            ? new TextEncoder().encode(init.body)
            : (init.body as Uint8Array);
      const { pathname, search } = new URL(url);
      const answer = await board.handle({
        method: init.method ?? "GET",
        target: pathname + search,
        headers: init.headers as Record<string, string>,
        ...(body === undefined ? {} : { body }),
      });
      return new Response(Buffer.from(answer.body), { status: answer.status, headers: answer.headers });
    }) as typeof fetch,
  });

function suite(title: string, start: () => Promise<{ url: string; close(): Promise<void> }>, version: 4 | 5): void {
  describe(title, () => {
    let broker: { url: string; close(): Promise<void> };
    let connection: MqttClient;
    let board: SimulatedBoard;
    let link: BrokerLink;
    let client: SynapseMqttClient;

    beforeAll(async () => {
      broker = await start();
      connection = await mqtt.connectAsync(broker.url, { protocolVersion: version });
      ({ board, link } = await startBoard(broker.url));
      client = new SynapseMqttClient({ connection: connection as MqttConnection, device: "02:00:00:00:00:01" });
      for await (const { kind, data } of client.messages()) if (kind === "status" && data.state === "online") break;
    });
    afterAll(async () => {
      await link?.close();
      await board?.close();
      await connection?.endAsync();
      await broker?.close();
    });

    test("says what HTTP says", async () => {
      const http = httpOf(board);
      const { uptime_us: _, memory, ...rest } = await client.device();
      const { uptime_us: __, ...others } = await http.device();
      expect(rest).toEqual(expect.objectContaining({ id: others.id, slots: others.slots, limits: others.limits }));
      expect(memory).toEqual(others.memory);
      expect(await client.models()).toEqual(await http.models());
      expect(await client.model("model_b")).toEqual(await http.model("model_b"));
      expect(await client.settings()).toEqual(await http.settings());
      expect(await client.changeSettings({ groups: ["lab"] })).toMatchObject({ groups: ["lab"] });
      expect(await client.metrics()).toContain("synapse_requests_total");
      expect((await client.log({ level: "info" })).entries.length).toBeGreaterThan(0);
      expect((await client.selftest()).passed).toBe(true);
      expect(await client.requests()).toEqual([]);
      await expect(client.stopRequest(999_999)).rejects.toMatchObject({ status: 404, code: "REQUEST_UNKNOWN" });
      expect(await client.stopStrangers()).toBe(0);
    });

    test("computes what HTTP computes", async () => {
      const http = httpOf(board);
      const { latent, model } = await client.encode(picture("cat.jpg"));
      expect(model.name).toBe("lewm-test");
      expect(latent).toEqual((await http.encode(picture("cat.jpg"))).latent);
      const raw: Image = { bytes: new Uint8Array(28 * 28 * 3).fill(99), type: "application/octet-stream" };
      expect((await client.encode(raw)).latent).toEqual((await http.encode(raw)).latent);
      const actions = [0, 1, 2].map(action);
      const { trajectory } = await client.rollout({ latent }, actions);
      expect(trajectory).toEqual((await http.rollout(picture("cat.jpg"), actions)).trajectory);
      expect((await client.predict([latent], actions.slice(0, 1))).latent).toEqual(trajectory[1]);
      expect(await client.observe({ stream: "film", frame: { latent }, reset: true })).toMatchObject({
        frame: 1,
        surprise: null,
      });
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
      expect(plan.actions).toEqual((await httpOf(board).plan(request)).actions);
      const kinds: string[] = [];
      for await (const event of client.planEvents(request)) kinds.push(event.kind);
      expect(kinds).toEqual(["progress", "progress", "progress", "result"]);
      const budget = { samples: 300, iterations: 30, elites: 30 };
      for await (const event of client.planEvents({ ...request, budget, horizon: 5 })) {
        expect(event.kind).toBe("progress");
        break;
      }
      await expect.poll(async () => (await client.device()).queue.in_progress).toBe(0);
    });

    test("explains what the board refuses", async () => {
      await expect(client.predict([[1, 2]], [[1]])).rejects.toMatchObject({
        status: 422,
        code: "BODY_INVALID",
        field: "history[0]",
      });
      await expect(client.model("nowhere")).rejects.toMatchObject({ status: 404, code: "SLOT_UNKNOWN" });
      await expect(client.activateModel("model_a")).rejects.toMatchObject({ status: 409, code: "SLOT_ACTIVE" });
      await expect(client.changeSettings({ broker_url: "http://x" })).rejects.toMatchObject({ code: "BODY_INVALID" });
    });

    test("silence ends in a timeout, and a caller can leave earlier with its own reason", async () => {
      const absent = new SynapseMqttClient({
        connection: connection as MqttConnection,
        device: "02:00:00:00:00:99",
        timeoutMs: 50,
      });
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const ended = vi.fn();
      const silent = absent.device();
      silent.catch(ended);
      await vi.advanceTimersByTimeAsync(49);
      expect(ended).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(1);
      await expect(silent).rejects.toThrow(new BoardTimeout("GET /v1/device was not answered within 50 ms"));
      vi.useRealTimers();
      const stop = new AbortController();
      const waiting = absent.device({ signal: stop.signal, timeoutMs: 60_000 });
      stop.abort(new Error("changed my mind"));
      await expect(waiting).rejects.toThrow("changed my mind");
      await expect(absent.device({ signal: stop.signal })).rejects.toThrow("changed my mind");
    });

    test("many commands at once all find their answers", async () => {
      const rows = Array.from({ length: 24 }, (_, i) => Float32Array.from({ length: 32 }, (_, k) => Math.cos(i + k)));
      const answers = await Promise.all(
        rows.map((row) =>
          new SynapseMqttClient({
            connection: connection as MqttConnection,
            device: "020000000001",
            retriesMax: 100,
            sleep: () => new Promise((resolve) => setTimeout(resolve, 5)),
          }).predict([row], [action(1)]),
        ),
      );
      for (const [i, { latent }] of answers.entries())
        expect(latent).toEqual((await httpOf(board).predict([rows[i] as Float32Array], [action(1)])).latent);
    });

    test("hears the board reboot", async () => {
      const heard: string[] = [];
      const stop = new AbortController();
      const reading = (async () => {
        for await (const { kind, data } of client.messages({ signal: stop.signal })) {
          heard.push(`${kind} ${String(data.state ?? data.event_type ?? "")}`);
          if (kind === "event" || kind === "boot") break;
          if (heard.length === 1) void client.reboot();
        }
      })();
      await reading;
      expect(heard[0]).toBe("status online");
      expect(heard).toContain("status offline");
      expect(heard.at(-1)).toBe("boot boot");
    });
  });
}

suite("over the embedded broker, MQTT 3.1.1", () => startBroker({ port: 0 }), 4);
if (hasMosquitto() || process.env.CI) {
  suite("over mosquitto, MQTT 5", startMosquitto, 5);
  suite("over mosquitto, MQTT 3.1.1", startMosquitto, 4);
}

test("a connection that takes nothing is an unreachable board", async () => {
  const connection: MqttConnection = {
    connected: false,
    options: { protocolVersion: 5 },
    on: () => undefined,
    subscribeAsync: async () => {
      throw new Error("client disconnecting");
    },
    publishAsync: async () => {
      throw new Error("client disconnecting");
    },
  };
  const client = new SynapseMqttClient({ connection, device: "a" });
  await expect(client.device()).rejects.toBeInstanceOf(BoardUnreachable);
  await expect(client.messages().next()).rejects.toBeInstanceOf(BoardUnreachable);
});

describe("when the broker is away", () => {
  let broker: EmbeddedBroker;
  let connection: MqttClient;
  let client: SynapseMqttClient;
  beforeEach(async () => {
    broker = await startBroker({ port: 0 });
    connection = await mqtt.connectAsync(broker.url, { protocolVersion: 4, reconnectPeriod: 60_000 });
    client = new SynapseMqttClient({ connection: connection as MqttConnection, device: "02:00:00:00:00:01" });
    const gone = new Promise<void>((resolve) => connection.once("close", () => resolve()));
    await broker.close();
    await gone;
  });
  afterEach(() => connection.endAsync(true));

  test("a command ends with its time", async () => {
    await expect(client.device({ timeoutMs: 50 })).rejects.toBeInstanceOf(BoardTimeout);
  });

  test("and a caller can leave earlier with its own reason", async () => {
    const stop = new AbortController();
    const [waiting, listening] = [
      client.device({ signal: stop.signal }),
      client.messages({ signal: stop.signal }).next(),
    ];
    stop.abort(new Error("changed my mind"));
    await expect(waiting).rejects.toThrow("changed my mind");
    await expect(listening).rejects.toThrow("changed my mind");
  });

  test("a command that nobody waits for any more is not sent when the broker is back", async () => {
    await expect(client.reboot({ timeoutMs: 50 })).rejects.toBeInstanceOf(BoardTimeout);
    broker = await startBroker({ port: broker.port });
    const other = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
    const commands: string[] = [];
    other.on("message", (topic) => commands.push(topic));
    await other.subscribeAsync("synapse/+/cmd/#", { qos: 1 });
    const back = new Promise<void>((resolve) => connection.once("connect", () => resolve()));
    connection.reconnect();
    await back;
    await expect(client.selftest({ timeoutMs: 50 })).rejects.toBeInstanceOf(BoardTimeout);
    await expect.poll(() => commands.some((topic) => topic.includes("/selftest/"))).toBe(true);
    expect(commands.filter((topic) => /reboot/.test(topic))).toEqual([]);
    await other.endAsync(true);
    await broker.close();
  });
});

test("many readers of messages cost a connection one listener", async () => {
  const broker = await startBroker({ port: 0 });
  const connection = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
  const stop = new AbortController();
  const readers = Array.from({ length: 12 }, (_, i) =>
    new SynapseMqttClient({ connection: connection as MqttConnection, device: `0200000000${10 + i}` })
      .messages({ signal: stop.signal })
      .next(),
  );
  expect(connection.listenerCount("message")).toBe(1);
  stop.abort(new Error("enough"));
  for (const reader of readers) await expect(reader).rejects.toThrow("enough");
  await connection.endAsync();
  await broker.close();
});

test("a plan whose board falls silent ends, however far it was", async () => {
  const broker = await startBroker({ port: 0 });
  const connection = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
  const { board, link } = await startBoard(broker.url);
  try {
    const client = new SynapseMqttClient({ connection: connection as MqttConnection, device: "02:00:00:00:00:01" });
    for await (const { kind, data } of client.messages()) if (kind === "status" && data.state === "online") break;
    const latent = Array(32).fill(0.1);
    const budget = { samples: 300, iterations: 30, elites: 30 };
    const events = client.planEvents({ start: { latent }, goal: { latent }, horizon: 5, budget });
    expect((await events.next()).value?.kind).toBe("progress");
    await board.reset();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const reading = (async () => {
      for await (const { kind } of events) expect(kind).toBe("progress");
    })();
    const ended = expect(reading).rejects.toBeInstanceOf(BoardTimeout);
    await vi.advanceTimersByTimeAsync(120_000);
    await ended;
  } finally {
    vi.useRealTimers();
    await board.close();
    await link.close();
    await connection.endAsync();
    await broker.close();
  }
});
