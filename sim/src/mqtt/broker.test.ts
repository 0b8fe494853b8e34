import { execFile } from "node:child_process";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { promisify } from "node:util";
import mqtt, { type MqttClient } from "mqtt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BoardEngine, SimulatedBoard } from "../board/board.js";
import { ACTION, LATENT, MODEL, testBoard } from "../board/boardSuite.js";
import { Listener } from "../testing/listener.js";
import { hasMosquitto, startMosquitto } from "../testing/mosquitto.js";
import { BrokerLink } from "./brokerLink.js";
import { BASE, type BoardOnBroker, type Broker, brokerSuite } from "./brokerSuite.js";
import { startBroker } from "./embeddedBroker.js";

const run = promisify(execFile);

/** A simulated board and its connection to the broker, which are closed together. */
const linked = (engine: BoardEngine) => async (): Promise<BoardOnBroker> => {
  const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine });
  const link = new BrokerLink(board, { reconnectMs: 20 });
  return {
    get ownerToken() {
      return board.ownerToken;
    },
    handle: (request) => board.handle(request),
    reset: () => board.reset(),
    cutPower: (after, cut) => board.cutPower(after, cut),
    setLink: (up) => board.setLink(up),
    close: async () => {
      await link.close();
      await board.close();
    },
  };
};

brokerSuite("a native board on the embedded broker", linked("native"), () => startBroker({ port: 0 }), 4);
brokerSuite("a WASM board on the embedded broker", linked("wasm"), () => startBroker({ port: 0 }), 4);

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
  brokerSuite("a native board on mosquitto, asked in MQTT 5", linked("native"), () => startMosquitto(), 5);
  brokerSuite("a WASM board on mosquitto, asked in MQTT 3.1.1", linked("wasm"), () => startMosquitto(), 4);

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
