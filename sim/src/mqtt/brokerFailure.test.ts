import { describe, expect, test } from "vitest";
import { SimulatedBoard } from "../board/board.js";
import { jsonOf, MODEL, testBoard } from "../board/boardSuite.js";
import { BrokerLink } from "./brokerLink.js";
import { startBroker } from "./embeddedBroker.js";

describe.each(["native", "wasm"] as const)("what fails between a %s board and its broker", (engine) => {
  test("is in its log once and in its state, without the password of the address, and over when the broker is reached", async () => {
    const lines: string[] = [];
    const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine });
    const headers = { authorization: `Bearer ${board.ownerToken}`, "content-type": "application/json" };
    const ask = async (method: string, target: string, body?: object) => {
      const bytes = body === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(body)) };
      return jsonOf(await board.handle({ method, target, headers, ...bytes })) as Record<string, unknown>;
    };
    const failure = async () =>
      ((await ask("GET", "/v1/device")).mqtt as { failure: { detail: string; count: number } | null }).failure;
    const away = new BrokerLink(board, {
      fallbackUrl: "mqtt://shelf:s3cret@127.0.0.1:1",
      reconnectMs: 5,
      log: (_level, text) => void lines.push(text),
    });
    await expect.poll(async () => (await failure())?.count ?? 0).toBeGreaterThan(2);
    expect((await failure())?.detail).toMatch(/ECONNREFUSED/);
    expect(lines).toEqual([expect.stringMatching(/^broker mqtt:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/)]);
    const log = JSON.stringify(await ask("GET", "/v1/log"));
    expect(log.match(/broker: /g)).toHaveLength(1);
    const broker = await startBroker({ port: 0 });
    const settings = await ask("PUT", "/v1/settings", {
      broker_url: broker.url.replace("mqtt://", "mqtt://shelf:s3cret@"),
    });
    expect(settings).toMatchObject({ broker_url: broker.url, broker_username: "shelf", broker_password: "********" });
    await expect.poll(failure).toBeNull();
    const everything = [
      log,
      ...lines,
      JSON.stringify([settings, await ask("GET", "/v1/device"), await ask("GET", "/v1/log")]),
    ].join();
    expect(everything).not.toContain("s3cret");
    await away.close();
    await board.close();
    await broker.close();
  });

  test("is told, and ends nothing, where the core takes an address and the port does not; queries are not in the log", async () => {
    const lines: string[] = [];
    const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine });
    const headers = { authorization: `Bearer ${board.ownerToken}`, "content-type": "application/json" };
    const set = async (broker_url: string) => {
      const body = new TextEncoder().encode(JSON.stringify({ broker_url }));
      expect((await board.handle({ method: "PUT", target: "/v1/settings", headers, body })).status).toBe(200);
    };
    const away = new BrokerLink(board, { log: (_level, text) => void lines.push(text) });
    await set("ws://256.1.1.1/?key=s3cret");
    await expect
      .poll(() => lines)
      .toEqual([expect.stringMatching(/^broker: the broker's address: this is no address of a broker/)]);
    await set("ws://127.0.0.1:1/mqtt?key=s3cret");
    await expect.poll(() => lines[1]).toMatch(/^broker ws:\/\/127\.0\.0\.1:1\/mqtt\?\*\*\*: .*ECONNREFUSED/);
    expect(
      JSON.stringify([lines, jsonOf(await board.handle({ method: "GET", target: "/v1/device", headers }))]),
    ).not.toContain("s3cret");
    await away.close();
    await board.close();
  });
});
