import { decode, encode } from "cbor-x";
import mqtt, { type MqttClient } from "mqtt";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ACTION, type AnsweringBoard, jsonOf, LATENT, sample } from "../board/boardSuite.js";
import type { PowerCut } from "../board/deviceCore.js";
import { Listener } from "../testing/listener.js";
import { startBroker } from "./embeddedBroker.js";

/** Of the board whose MAC address is 02:00:00:00:00:01. */
const ID = "020000000001";
export const BASE = `synapse/${ID}`;
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

export interface Broker {
  readonly url: string;
  close(): Promise<void>;
}

/** A board that connects to the broker which its settings name. */
export interface BoardOnBroker extends AnsweringBoard {
  readonly ownerToken: string | undefined;
  reset(): Promise<void>;
  cutPower(after: number, cut: PowerCut): void | Promise<void>;
  setLink(up: boolean): void | Promise<void>;
}

/** What every board does on a broker, asked by clients of MQTT 3.1.1 (`version` 4) or 5. */
export function brokerSuite(
  title: string,
  create: () => Promise<BoardOnBroker>,
  start: () => Promise<Broker>,
  version: 4 | 5,
): void {
  describe(title, () => {
    let broker: Broker;
    let board: BoardOnBroker;
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
      board = await create();
      expect((await ask("PUT", "/v1/settings", { broker_url: broker.url })).status).toBe(200);
      await heard.json(`${BASE}/status`, (text) => text.includes("online"));
    });
    afterEach(async () => {
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
      await board.cutPower(0, "dropped");
      await ask("PUT", "/v1/settings", { name: "x" }).catch(() => undefined);
      expect(await heard.json(`${BASE}/status`, (text) => text.includes("offline"))).toEqual({ state: "offline" });
      await board.reset();
      await heard.json(`${BASE}/status`, (text) => text.includes("online"));
    });

    it("answers after a lost link what was asked meanwhile", async () => {
      await board.setLink(false);
      await heard.json(`${BASE}/status`, (text) => text.includes("offline"));
      await expect(ask("GET", "/v1/device")).rejects.toThrow(/link/);
      await client.publishAsync(`${BASE}/cmd/selftest/l1`, "{}", { qos: 1 });
      await board.setLink(true);
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
