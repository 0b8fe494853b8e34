import { createHash } from "node:crypto";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import mqtt, { type MqttClient } from "mqtt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeAppImage } from "../board/appImage.js";
import { ACTION, jsonOf, LATENT, MODEL, testBoard } from "../board/boardSuite.js";
import { FileServer } from "../testing/fileServer.js";
import { Listener } from "../testing/listener.js";
import { hasMosquitto, startMosquitto } from "../testing/mosquitto.js";
import { buildPortBoard, PortBoard } from "../testing/portBoard.js";
import { BASE, brokerSuite } from "./brokerSuite.js";
import { type EmbeddedBroker, startBroker } from "./embeddedBroker.js";

const { missing } = buildPortBoard();
if (missing !== undefined) process.stderr.write(`skipped: the firmware's port on a broker: ${missing}\n`);

const create = () => PortBoard.create({ board: testBoard(), model: MODEL });
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const mosquitto = hasMosquitto() || process.env.CI !== undefined;
if (!mosquitto) process.stderr.write("skipped: the firmware's port on mosquitto: apt-get install mosquitto\n");

describe.skipIf(missing !== undefined)("the firmware's port", () => {
  brokerSuite("on the embedded broker", create, () => startBroker({ port: 0 }), 4);
  if (mosquitto) brokerSuite("on mosquitto, asked in MQTT 5", create, () => startMosquitto(), 5);

  describe("on a broker", () => {
    let broker: EmbeddedBroker;
    let board: PortBoard;
    let client: MqttClient;
    let heard: Listener;
    beforeEach(async () => {
      broker = await startBroker({ port: 0 });
      client = await mqtt.connectAsync(broker.url);
      heard = new Listener(client);
      await client.subscribeAsync(`${BASE}/#`, { qos: 1 });
      board = await create();
    });
    afterEach(async () => {
      await board.close();
      await client.endAsync();
      await broker.close();
    });

    const ask = async (method: string, target: string, body?: object) => {
      const headers = { "content-type": "application/json", authorization: `Bearer ${board.ownerToken}` };
      return jsonOf(
        await board.handle({ method, target, headers, ...(body === undefined ? {} : { body: json(body) }) }),
      ) as Record<string, unknown>;
    };
    const join = async (url: string, more: object = {}) => {
      await ask("PUT", "/v1/settings", { broker_url: url, ...more });
    };
    const online = () => heard.json(`${BASE}/status`, (text) => text.includes("online"));
    const failure = async () =>
      ((await ask("GET", "/v1/device")).mqtt as { failure: { detail: string } | null }).failure;

    test("takes commands and gives answers of many times its buffers", async () => {
      await join(broker.url);
      await online();
      const steps = 1000;
      const body = {
        start: { latent: Array(LATENT).fill(0.5) },
        actions: Array.from({ length: steps }, (_, i) => Array(ACTION).fill(i / steps)),
      };
      await client.publishAsync(`${BASE}/cmd/rollout/long?latent=base64`, json(body), { qos: 1 });
      const { trajectory } = await heard.json(`${BASE}/res/long`);
      expect(trajectory).toHaveLength(steps + 1);
    });

    test("fetches a model and a firmware that are announced to it", async () => {
      await join(broker.url);
      await online();
      const files = await FileServer.start();
      const announce = async (kind: string, file: Uint8Array) => {
        files.file = file;
        const sha256 = createHash("sha256").update(file).digest("hex");
        await client.publishAsync(`${BASE}/cmd/${kind}/${kind}`, json({ url: files.url, bytes: file.length, sha256 }), {
          qos: 1,
        });
        expect(await heard.json(`${BASE}/res/${kind}`)).toMatchObject({ state: "QUEUED" });
      };
      await announce("model", MODEL);
      await expect.poll(() => ask("GET", "/v1/models/model_b")).toMatchObject({ state: "VALID", active: true });
      await announce("firmware", makeAppImage({ version: "3.1.4" }));
      await heard.json(`${BASE}/event/boot`, (text) => text.includes("software"));
      expect((await ask("GET", "/v1/device")).firmware).toMatchObject({ version: "3.1.4", state: "ON_TRIAL" });
      await files.close();
    });

    test("says why it reaches no broker, and that it does", async () => {
      await join("mqtt://127.0.0.1:1");
      await expect.poll(async () => (await failure())?.detail).toMatch(/refused/i);
      await join("mqtts://127.0.0.1:1");
      await expect.poll(async () => (await failure())?.detail).toMatch(/TLS/);
      await join(broker.url);
      await online();
      await expect.poll(failure).toBeNull();
    });

    test("leaves a broker that does not answer any more for another one", async () => {
      const open = new Set<Socket>();
      const hung = createServer((near) => {
        open.add(near.on("error", () => undefined));
        const far = connect(broker.port, "127.0.0.1").on("error", () => undefined);
        near.pipe(far).pipe(near);
        near.on("close", () => far.destroy());
      });
      await new Promise<void>((resolve) => hung.listen(0, "127.0.0.1", resolve));
      await join(`mqtt://127.0.0.1:${(hung.address() as AddressInfo).port}`);
      await online();
      for (const near of open) near.unpipe().pause();
      await join(broker.url);
      await online();
      for (const near of open) near.destroy();
      hung.close();
    });

    test("an answer that did not arrive before the link was lost arrives after it", async () => {
      const open = new Set<Socket>();
      const proxy = createServer((near) => {
        open.add(near.on("error", () => undefined));
        const far = connect(broker.port, "127.0.0.1").on("error", () => undefined);
        near.pipe(far).pipe(near);
        near.on("close", () => far.destroy());
      });
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
      await join(`mqtt://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
      await online();
      // What the board says is lost on the way from here on.
      for (const near of open) near.unpipe().resume();
      await client.publishAsync(`${BASE}/cmd/settings/held`, json({ name: "held" }), { qos: 1 });
      await expect.poll(async () => (await ask("GET", "/v1/device")).name).toBe("held");
      await board.setLink(false);
      await board.setLink(true);
      expect(await heard.json(`${BASE}/res/held`)).toMatchObject({ name: "held" });
      proxy.close();
    });

    test("comes back to a broker that was gone, and answers", async () => {
      await join(broker.url);
      await online();
      const { port } = broker;
      await broker.close();
      broker = await startBroker({ port });
      await online();
      await client.publishAsync(`${BASE}/cmd/device/again`, "{}", { qos: 1 });
      expect(await heard.json(`${BASE}/res/again`)).toMatchObject({ id: "02:00:00:00:00:01" });
    });
  });

  if (mosquitto) {
    test("logs in with a password, and says when it is wrong", async () => {
      const broker = await startMosquitto({ user: { name: "board", password: "secret word" } });
      const board = await create();
      const headers = { "content-type": "application/json", authorization: `Bearer ${board.ownerToken}` };
      const told = async () => jsonOf(await board.handle({ method: "GET", target: "/v1/device", headers })).mqtt;
      const log = async (password: string) => {
        const body = json({ broker_url: broker.url, broker_username: "board", broker_password: password });
        await board.handle({ method: "PUT", target: "/v1/settings", headers, body });
      };
      await log("another");
      await expect
        .poll(told)
        .toMatchObject({ connected: false, failure: { detail: expect.stringMatching(/does not let|refuses user/) } });
      await log("secret word");
      await expect.poll(told).toMatchObject({ connected: true, failure: null });
      await board.close();
      await broker.close();
    });
  }
});
