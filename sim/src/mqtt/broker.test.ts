import { execFile } from "node:child_process";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { promisify } from "node:util";
import { decode, encode } from "cbor-x";
import mqtt, { type MqttClient } from "mqtt";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BoardEngine, SimulatedBoard } from "../board/board.js";
import { ACTION, jsonOf, LATENT, MODEL, sample, testBoard } from "../board/boardSuite.js";
import { Listener } from "../testing/listener.js";
import { hasMosquitto, startMosquitto } from "../testing/mosquitto.js";
import { BrokerLink } from "./brokerLink.js";
import { startBroker } from "./embeddedBroker.js";

const run = promisify(execFile);
const ID = "020000000001";
const BASE = `synapse/${ID}`;
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

interface Broker {
  readonly url: string;
  close(): Promise<void>;
}

function suite(title: string, engine: BoardEngine, start: () => Promise<Broker>, version: 4 | 5): void {
  describe(title, () => {
    let broker: Broker;
    let board: SimulatedBoard;
    let link: BrokerLink;
    let client: MqttClient;
    let heard: Listener;

    const ask = async (method: string, target: string, body?: object) => {
      const headers = { "content-type": "application/json", authorization: `Bearer ${board.ownerToken}` };
      const bytes = body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body));
      return board.handle({ method, target, headers, ...(bytes === undefined ? {} : { body: bytes }) });
    };

    beforeAll(async () => {
      broker = await start();
    });
    afterAll(() => broker?.close());

    beforeEach(async () => {
      client = await mqtt.connectAsync(broker.url, { protocolVersion: version });
      heard = new Listener(client);
      await client.subscribeAsync(["synapse/#", "homeassistant/#", "panel/#"], { qos: 1 });
      board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine });
      link = new BrokerLink(board, { reconnectMs: 20 });
      expect((await ask("PUT", "/v1/settings", { broker_url: broker.url })).status).toBe(200);
      await heard.json(`${BASE}/status`, (text) => text.includes("online"));
    });
    afterEach(async () => {
      await link?.close();
      await board?.close();
      // What is retained is of this test's board.
      for (const topic of [`${BASE}/status`, `homeassistant/device/synapse_${ID}/config`]) {
        await client?.publishAsync(topic, "", { retain: true, qos: 1 });
      }
      await client?.endAsync();
    });

    it("tells that it is there, that it started, and how it does", async () => {
      expect(await heard.json(`${BASE}/event/boot`)).toMatchObject({ event_type: "boot", reason: "power-on" });
      expect(await heard.json(`${BASE}/telemetry`)).toMatchObject({ mqtt_connects: 1, in_progress: 0 });
      const device = jsonOf(await ask("GET", "/v1/device"));
      expect(device.mqtt).toEqual({ connected: true, topic: BASE, failure: null });
      const status = await client.subscribeAsync(`${BASE}/status`, { qos: 1 });
      expect(status).toHaveLength(1);
      const again = await heard.next(`${BASE}/status`, (text) => text.includes("online"));
      expect(again.packet.retain).toBe(true);
    });

    it("answers commands with what HTTP answers", async () => {
      const http = jsonOf(
        await board.handle({
          method: "POST",
          target: "/v1/encode",
          headers: { "content-type": "image/jpeg" },
          body: sample("coffee.jpg"),
        }),
      );
      await client.publishAsync(`${BASE}/cmd/encode/e1?accept=application/json`, Buffer.from(sample("coffee.jpg")), {
        qos: 1,
      });
      expect((await heard.json(`${BASE}/res/e1`)).latent).toEqual(http.latent);
      // In CBOR unless something else is asked for.
      await client.publishAsync(`${BASE}/cmd/encode/e2`, Buffer.from(sample("coffee.jpg")), { qos: 1 });
      const cbor = decode((await heard.next(`${BASE}/res/e2`)).payload).latent;
      expect(cbor).toEqual((http.latent as number[]).map(Math.fround));
      const rollout = { start: { latent: http.latent }, actions: [Array(ACTION).fill(0.5)] };
      await client.publishAsync(`${BASE}/cmd/rollout/e3`, encode(rollout), { qos: 1 });
      const { trajectory } = decode((await heard.next(`${BASE}/res/e3`)).payload);
      expect(trajectory).toHaveLength(2);
      expect(trajectory[1]).toHaveLength(LATENT);
    });

    it("tells what was wrong", async () => {
      await client.publishAsync(`${BASE}/cmd/predict/w1`, json({ history: [[1]], actions: [[1]] }), { qos: 1 });
      expect(await heard.json(`${BASE}/res/w1`)).toMatchObject({
        status: 422,
        code: "BODY_INVALID",
        field: "history[0]",
      });
      await client.publishAsync(`${BASE}/cmd/fly/w2`, "{}", { qos: 1 });
      // A command that is not one has no id either.
      expect(await heard.json(`${BASE}/res`)).toMatchObject({ status: 404, code: "UNKNOWN_COMMAND" });
    });

    it("plans, and tells its progress in messages", async () => {
      const latent = (value: number) => ({ latent: Array(LATENT).fill(value) });
      const request = {
        start: latent(0.5),
        goal: latent(0.25),
        horizon: 2,
        budget: { samples: 4, iterations: 2, elites: 2 },
        seed: 3,
      };
      await client.publishAsync(`${BASE}/cmd/plan/p?accept=text/event-stream`, json(request), { qos: 1 });
      expect(await heard.json(`${BASE}/res/p/progress`)).toMatchObject({ iteration: 1, iterations: 2 });
      expect(await heard.json(`${BASE}/res/p/progress`)).toMatchObject({ iteration: 2 });
      expect(await heard.json(`${BASE}/res/p`)).toMatchObject({ horizon: 2, seed: 3 });
    });

    it("joins and leaves groups", async () => {
      await client.publishAsync(`${BASE}/cmd/settings/g1`, json({ groups: ["hall"], telemetry_s: 3600 }), { qos: 1 });
      expect(await heard.json(`${BASE}/res/g1`)).toMatchObject({ groups: ["hall"], telemetry_s: 3600 });
      // The broker acknowledges subscriptions in order, so this second answer comes after the group's.
      await client.publishAsync(`${BASE}/cmd/selftest/g2`, "{}", { qos: 1 });
      expect(await heard.json(`${BASE}/res/g2`)).toMatchObject({ passed: true });
      await client.publishAsync("synapse/group/hall/cmd/selftest/g3", "{}", { qos: 1 });
      expect(await heard.json(`${BASE}/res/g3`)).toMatchObject({ passed: true });
      await client.publishAsync("synapse/group/other/cmd/selftest/g4", "{}", { qos: 1 });
      await client.publishAsync(`${BASE}/cmd/selftest/g5`, "{}", { qos: 1 });
      await heard.next(`${BASE}/res/g5`);
      expect(heard.messages.filter(({ topic }) => topic === `${BASE}/res/g4`)).toEqual([]);
    });

    it("is announced to Home Assistant when its owner wants it", async () => {
      await ask("PUT", "/v1/settings", { home_assistant: true, name: "Hall" });
      const config = await heard.json(`homeassistant/device/synapse_${ID}/config`);
      expect(config).toMatchObject({
        device: { name: "Hall", identifiers: [`synapse_${ID}`] },
        availability_topic: `${BASE}/status`,
      });
      await ask("PUT", "/v1/settings", { home_assistant: false });
      expect((await heard.next(`homeassistant/device/synapse_${ID}/config`)).payload).toHaveLength(0);
    });

    it("reboots once when told so, and says when it goes and comes", async () => {
      await client.publishAsync(`${BASE}/cmd/reboot/r1`, "{}", { qos: 1 });
      expect(await heard.json(`${BASE}/res/r1`)).toEqual({ rebooting: true });
      expect(await heard.json(`${BASE}/status`, (text) => text.includes("offline"))).toEqual({
        state: "offline",
        reason: "reboot",
      });
      await heard.json(`${BASE}/event/boot`, (text) => text.includes("software"));
      await heard.json(`${BASE}/status`, (text) => text.includes("online"));
      expect(jsonOf(await ask("GET", "/v1/device")).reset).toEqual({ reason: "software", count: 1 });
    });

    it("is told to be away by its will when its power goes, and comes back", async () => {
      await heard.json(`${BASE}/event/boot`);
      board.cutPower(0, "dropped");
      await ask("PUT", "/v1/settings", { name: "x" }).catch(() => undefined);
      expect(await heard.json(`${BASE}/status`, (text) => text.includes("offline"))).toEqual({ state: "offline" });
      await board.reset();
      await heard.json(`${BASE}/status`, (text) => text.includes("online"));
    });

    it("answers after a lost link what was asked meanwhile", async () => {
      board.setLink(false);
      await heard.json(`${BASE}/status`, (text) => text.includes("offline"));
      await expect(ask("GET", "/v1/device")).rejects.toThrow(/link/);
      await client.publishAsync(`${BASE}/cmd/selftest/l1`, "{}", { qos: 1 });
      board.setLink(true);
      expect(await heard.json(`${BASE}/res/l1`)).toMatchObject({ passed: true });
      await heard.json(`${BASE}/status`, (text) => text.includes("online"));
      expect(jsonOf(await ask("GET", "/v1/device")).uptime_us).toBeGreaterThan(0);
    });

    it("leaves one broker for another, and none", async () => {
      const other = await startBroker({ port: 0 });
      try {
        const there = await mqtt.connectAsync(other.url);
        const heardThere = new Listener(there);
        await there.subscribeAsync(`${BASE}/status`, { qos: 1 });
        await ask("PUT", "/v1/settings", { broker_url: other.url });
        await heardThere.json(`${BASE}/status`, (text) => text.includes("online"));
        await ask("PUT", "/v1/settings", { broker_url: broker.url });
        await heard.json(`${BASE}/status`, (text) => text.includes("online"));
        await there.endAsync();
      } finally {
        await other.close();
      }
    });

    if (version === 5) {
      it("runs no retained command, not even while it is there, nor its removal", async () => {
        await client.publishAsync(`${BASE}/cmd/reboot/t1`, "{}", { qos: 1, retain: true });
        await client.publishAsync(`${BASE}/cmd/reboot/t1`, "", { qos: 1, retain: true });
        // Commands come in their order.
        await client.publishAsync(`${BASE}/cmd/log/t2?level=warn`, "{}", { qos: 1 });
        const { entries } = (await heard.json(`${BASE}/res/t2`)) as { entries: { text: string }[] };
        expect(entries.map(({ text }) => text)).toEqual(
          Array(2).fill(expect.stringContaining("a retained command was not run")),
        );
        expect(heard.messages.filter(({ topic }) => topic === `${BASE}/res/t1`)).toEqual([]);
      });

      it("answers to the response topic with the correlation data, and says the status in a property", async () => {
        const properties = {
          responseTopic: "panel/7",
          correlationData: Buffer.from([0, 255, 7]),
          contentType: "application/json",
          userProperties: { latent: "base64" },
        };
        const body = json({ history: [Array(LATENT).fill(0)], actions: [Array(ACTION).fill(0)] });
        await client.publishAsync(`${BASE}/cmd/predict`, body, { qos: 1, properties });
        const { payload, packet } = await heard.next("panel/7");
        expect(typeof JSON.parse(payload.toString()).latent).toBe("string");
        expect(packet.properties).toMatchObject({
          contentType: "application/json",
          correlationData: Buffer.from([0, 255, 7]),
          userProperties: { status: "200", device: "02:00:00:00:00:01" },
        });
      });
    }
  });
}

suite("a native board on the embedded broker", "native", () => startBroker({ port: 0 }), 4);
suite("a WASM board on the embedded broker", "wasm", () => startBroker({ port: 0 }), 4);

describe("a link that breaks again before the board is subscribed", () => {
  const CONNECTIONS = 30;
  /** The first byte of such a packet. */
  const SUBSCRIBE = 0x82;

  it("does not fill the board's outbox with the status of every connection", async () => {
    const broker = await startBroker({ port: 0 });
    /** How often each connection named the topic of the status: once as that of the will, and in each message to it. */
    const named: number[] = [];
    const proxy = createServer((near) => {
      const index = named.push(0) - 1;
      const far = connect(broker.port, "127.0.0.1");
      near.on("data", (bytes: Buffer) => {
        if (bytes[0] === SUBSCRIBE && named.length < CONNECTIONS) return void near.destroy();
        named[index] = (named[index] ?? 0) + bytes.toString("latin1").split(`${BASE}/status`).length - 1;
        far.write(bytes);
      });
      far.on("data", (bytes: Buffer) => {
        near.write(bytes);
      });
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const)
        one.on("error", () => undefined).on("close", () => other.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const fallbackUrl = `mqtt://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    const client = await mqtt.connectAsync(broker.url);
    const heard = new Listener(client);
    await client.subscribeAsync(`${BASE}/#`, { qos: 1 });
    const link = new BrokerLink(board, { fallbackUrl, reconnectMs: 0 });
    try {
      await expect.poll(() => named.length >= CONNECTIONS && link.connected).toBe(true);
      await client.publishAsync(`${BASE}/cmd/device/last`, "{}", { qos: 1 });
      await heard.next(`${BASE}/res/last`);
      expect(Math.max(...named)).toBeLessThanOrEqual(3);
    } finally {
      await link.close();
      await client.endAsync();
      await board.close();
      proxy.close();
      await broker.close();
    }
  });
});

/** Stands before a broker, counts connections, and can hold back everything on them. */
async function startProxy(port: number) {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((near) => {
    connections++;
    const far = connect(port, "127.0.0.1");
    open.add(near);
    near.pipe(far).pipe(near);
    near.on("error", () => undefined).on("close", () => far.destroy() && open.delete(near));
    far.on("error", () => undefined).on("close", () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    get open() {
      return open.size;
    },
    hang() {
      for (const near of open) near.unpipe().pause();
    },
    resume() {
      for (const near of open) near.resume();
    },
    close() {
      for (const near of open) near.destroy();
      server.close();
    },
  };
}

describe("a broker that does not answer any more", () => {
  let broker: Broker & { readonly port: number };
  let hung: Awaited<ReturnType<typeof startProxy>>;
  let board: SimulatedBoard;
  let link: BrokerLink;
  let client: MqttClient;
  let heard: Listener;
  beforeEach(async () => {
    broker = await startBroker({ port: 0 });
    hung = await startProxy(broker.port);
    client = await mqtt.connectAsync(broker.url);
    heard = new Listener(client);
    await client.subscribeAsync(`${BASE}/#`, { qos: 1 });
    board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    link = new BrokerLink(board, { fallbackUrl: hung.url, reconnectMs: 20 });
    await heard.json(`${BASE}/status`, (text) => text.includes("online"));
    await expect.poll(() => link.connected).toBe(true);
    hung.hang();
  });
  afterEach(async () => {
    await link.close();
    await board.close();
    await client.endAsync();
    hung.close();
    await broker.close();
  });
  const set = (settings: object) =>
    board.handle({
      method: "PUT",
      target: "/v1/settings",
      headers: { "content-type": "application/json", authorization: `Bearer ${board.ownerToken}` },
      body: new TextEncoder().encode(JSON.stringify(settings)),
    });

  it("does not keep the board from another one", async () => {
    const other = await startBroker({ port: 0 });
    const there = await mqtt.connectAsync(other.url);
    const heardThere = new Listener(there);
    await there.subscribeAsync(`${BASE}/status`, { qos: 1 });
    await set({ broker_url: other.url });
    await heardThere.json(`${BASE}/status`, (text) => text.includes("online"));
    hung.resume();
    await expect.poll(() => hung.open).toBe(0);
    await link.close();
    await there.endAsync();
    await other.close();
  });

  it("does not keep the connection of a board that reboots, or leaves", async () => {
    const headers = { authorization: `Bearer ${board.ownerToken}` };
    await set({ name: "to be acknowledged" });
    await board.handle({ method: "POST", target: "/v1/reboot", headers });
    await expect.poll(() => hung.connections).toBe(2);
    hung.resume();
    await expect.poll(() => hung.open).toBe(1);
    await expect.poll(() => link.connected).toBe(true);
    hung.hang();
    await set({ name: "to be acknowledged, too" });
    await link.close();
    hung.resume();
    await expect.poll(() => hung.open).toBe(0);
  });
});

describe("connections that are begun", () => {
  it("are one, however often the address changes and the link comes and goes", async () => {
    const broker = await startBroker({ port: 0 });
    const proxy = await startProxy(broker.port);
    const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    const link = new BrokerLink(board, { fallbackUrl: broker.url, reconnectMs: 20 });
    const headers = { "content-type": "application/json", authorization: `Bearer ${board.ownerToken}` };
    const set = (settings: object) =>
      board.handle({
        method: "PUT",
        target: "/v1/settings",
        headers,
        body: new TextEncoder().encode(JSON.stringify(settings)),
      });
    const client = await mqtt.connectAsync(broker.url);
    const heard = new Listener(client);
    await client.subscribeAsync(`${BASE}/res/#`, { qos: 1 });
    let commands = 0;
    /** A command and its answer: connections that were begun before are there by then. */
    const answers = async () => {
      await client.publishAsync(`${BASE}/cmd/device/${++commands}`, "{}", { qos: 1 });
      await heard.next(`${BASE}/res/${commands}`);
    };
    await expect.poll(() => link.connected).toBe(true);
    const leaving = new Promise<void>((resolve) => {
      const changed = link.settingsChanged.bind(link);
      link.settingsChanged = () => {
        changed();
        resolve();
      };
    });
    await set({ broker_url: proxy.url, broker_username: "a" });
    // The other broker is being left when the address changes again.
    await leaving;
    await set({ broker_username: "b" });
    await expect.poll(() => proxy.connections > 0 && link.connected).toBe(true);
    await answers();
    await expect.poll(() => proxy.open).toBe(1);
    // While a connection is being made, too, however far it is.
    const begun = () => proxy.connections;
    for (const isFar of [() => true, (before: number) => begun() > before, () => link.connected]) {
      const before = begun();
      board.setLink(false);
      board.setLink(true);
      await expect.poll(() => isFar(before), { interval: 1 }).toBe(true);
      board.setLink(false);
      board.setLink(true);
    }
    await expect.poll(() => link.connected).toBe(true);
    await answers();
    await expect.poll(() => [proxy.open, link.connected]).toEqual([1, true]);
    await link.close();
    // One that was lost sight of would stay.
    await expect.poll(() => proxy.open).toBe(0);
    await client.endAsync();
    await board.close();
    proxy.close();
    await broker.close();
  });
});

const mosquitto = hasMosquitto();
if (!mosquitto)
  console.warn("mosquitto is not installed: boards are not tested on it (apt-get install mosquitto mosquitto-clients)");
if (mosquitto || process.env.CI) {
  suite("a native board on mosquitto, asked in MQTT 5", "native", () => startMosquitto(), 5);
  suite("a WASM board on mosquitto, asked in MQTT 3.1.1", "wasm", () => startMosquitto(), 4);

  describe("mosquitto's own clients", () => {
    it("ask a board that logs in with a password", async () => {
      const user = { name: "board", password: "secret word" };
      const broker = await startMosquitto({ user });
      const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
      const link = new BrokerLink(board, { reconnectMs: 20 });
      const common = ["-h", "127.0.0.1", "-p", String(broker.port), "-u", user.name, "-P", user.password];
      const listen = (topic: string) => run("mosquitto_sub", [...common, "-t", topic, "-C", "1", "-W", "30"]);
      try {
        const online = listen(`${BASE}/status`);
        const headers = { "content-type": "application/json", authorization: `Bearer ${board.ownerToken}` };
        const settings = { broker_url: broker.url, broker_username: user.name, broker_password: user.password };
        await board.handle({
          method: "PUT",
          target: "/v1/settings",
          headers,
          body: new TextEncoder().encode(JSON.stringify(settings)),
        });
        expect(JSON.parse((await online).stdout)).toMatchObject({ state: "online", model: { name: "lewm-test" } });
        const answered = run("mosquitto_rr", [
          ...["-V", "5", ...common, "-t", `${BASE}/cmd/predict`, "-e", "panel/predicted", "-W", "30", "-m"],
          JSON.stringify({ history: [Array(LATENT).fill(0.5)], actions: [Array(ACTION).fill(0)] }),
        ]);
        expect(JSON.parse((await answered).stdout)).toMatchObject({ model: { name: "lewm-test" } });
        const plain = listen(`${BASE}/res/+`);
        // mosquitto_sub has no way to say that it is subscribed, so the board is asked until it has heard; with another
        // id each time, as one is answered once.
        let id = 0;
        const asking = setInterval(
          () => void run("mosquitto_pub", [...common, "-t", `${BASE}/cmd/device/${id++}`, "-m", "{}"]),
          200,
        );
        expect(JSON.parse((await plain.finally(() => clearInterval(asking))).stdout)).toMatchObject({
          id: "02:00:00:00:00:01",
        });
      } finally {
        await link.close();
        await board.close();
        await broker.close();
      }
    });
  });
}
