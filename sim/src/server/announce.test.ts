import { createSocket } from "node:dgram";
import { getEventListeners, once } from "node:events";
import type { Service } from "bonjour-service";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type BoardEngine, SimulatedBoard } from "../board/board.js";
import { jsonOf, MODEL, testBoard } from "../board/boardSuite.js";
import { StoppedClock } from "../testing/stoppedClock.js";
import { announceBoard } from "./announce.js";
import { discoverBoards } from "./discover.js";
import type { BoardServer } from "./listen.js";
import { type MdnsOptions, openMdns } from "./mdns.js";
import { serveBoard } from "./serveBoard.js";

/** A free port on the loopback interface, so that nothing leaves this machine or meets what else is announced here. */
async function privateMdns(): Promise<Required<MdnsOptions>> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return { interface: "127.0.0.1", port };
}

/** Multicast takes the time that it takes. */
const SOON = { timeout: 30_000 };

/** What came and went, as another program hears it. */
class Listener {
  readonly present = new Map<string, Service>();
  readonly gone: string[] = [];
  #socket;

  constructor(mdns: MdnsOptions) {
    this.#socket = openMdns(mdns, (error) => {
      throw error;
    });
    const browser = this.#socket.bonjour.find({ type: "synapse" });
    browser.on("up", (service) => this.present.set(service.name, service));
    browser.on("down", (service) => {
      this.present.delete(service.name);
      this.gone.push(service.name);
    });
  }

  facts = () => [...this.present.values()].map(({ name, port, txt }) => ({ name, port, ...txt }));
  close = () => this.#socket.close();
}

describe.each<BoardEngine>(["native", "wasm"])("a %s board that announces itself", (engine) => {
  let mdns: Required<MdnsOptions>;
  let board: SimulatedBoard;
  let server: BoardServer;
  let listener: Listener;
  let announcement: Awaited<ReturnType<typeof announceBoard>>;

  beforeEach(async () => {
    mdns = await privateMdns();
    board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine, deviceName: "shelf" });
    server = await serveBoard(board, { port: 0 });
    listener = new Listener(mdns);
    announcement = await announceBoard(board, server, mdns);
    await expect.poll(() => listener.present.size, SOON).toBe(1);
  });
  afterEach(async () => {
    await announcement?.close();
    await listener.close();
    await server.close();
    await board.close();
  });

  const ask = (method: string, target: string, body?: Uint8Array) =>
    board.handle({
      method,
      target,
      headers: { authorization: `Bearer ${board.ownerToken}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body }),
    });

  /** Searches until there is one. */
  const discoverOne = () => {
    const found = new AbortController();
    return discoverBoards({ ...mdns, seconds: 60, signal: found.signal, onFound: () => found.abort() });
  };

  test("says what it is and where", async () => {
    const device = jsonOf(await ask("GET", "/v1/device")) as { id: string; firmware: { version: string } };
    expect(listener.facts()).toEqual([
      {
        name: expect.stringMatching(/^shelf \(.+\)$/),
        port: server.port,
        id: device.id,
        model: "lewm-test",
        firmware: device.firmware.version,
        board: "waveshare-esp32-p4-wifi6",
      },
    ]);
    const [found, ...others] = await discoverOne();
    expect(others).toEqual([]);
    expect(found).toMatchObject({ id: device.id, model: "lewm-test", url: server.url });
    expect((await fetch(`${found?.url}/v1/device`)).status).toBe(200);
  });

  test("follows the name and the model that the board has", async () => {
    const name = "wohnzimmer äöü ".repeat(3).trim();
    expect((await ask("PUT", "/v1/settings", new TextEncoder().encode(JSON.stringify({ name })))).status).toBe(200);
    // Cut to what fits beside the place.
    await expect
      .poll(listener.facts, SOON)
      .toMatchObject([{ name: expect.stringMatching(/^wohnzimmer äöü wohnzimmer .* \(.+\)$/) }]);
    // After so many resets the board starts without a model.
    for (let boot = 0; boot < 6; boot++) await board.reset("watchdog");
    expect(jsonOf(await ask("GET", "/v1/device"))).toMatchObject({ safe_mode: true });
    await expect.poll(() => listener.facts().map((facts) => "model" in facts), SOON).toEqual([false]);
    expect((await ask("POST", "/v1/models/model_a/activate")).status).toBe(200);
    await expect.poll(listener.facts, SOON).toMatchObject([{ model: "lewm-test" }]);
  });

  test("is gone while its link is, and comes back", async () => {
    board.setLink(false);
    await expect.poll(() => listener.present.size, SOON).toBe(0);
    board.setLink(true);
    await expect.poll(listener.facts, SOON).toMatchObject([{ model: "lewm-test" }]);
  });

  test("says goodbye", async () => {
    await announcement?.close();
    await expect.poll(() => listener.gone, SOON).toHaveLength(1);
    expect(listener.present.size).toBe(0);
    expect(await discoverBoards({ ...mdns, seconds: 0.5 })).toEqual([]);
  });

  test("is announced once, however often it is looked at, as long as nothing of it changes", async () => {
    const other = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine, deviceName: "quiet" });
    const otherServer = await serveBoard(other, { port: 0 });
    const clock = new StoppedClock();
    const quiet = await announceBoard(other, otherServer, { ...mdns, clock });
    await expect.poll(() => listener.present.size, SOON).toBe(2);
    for (let look = 0; look < 5; look++) {
      await expect.poll(() => clock.waiting).toEqual([500]);
      clock.pass();
    }
    await expect.poll(() => clock.waiting).toEqual([500]);
    await quiet?.close();
    await expect.poll(() => listener.present.size, SOON).toBe(1);
    expect(listener.gone).toHaveLength(1);
    await otherServer.close();
    await other.close();
  });

  test("is one of several in a process, and leaves the others there when it goes", async () => {
    const other = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine, deviceName: "other" });
    const otherServer = await serveBoard(other, { port: 0 });
    const second = await announceBoard(other, otherServer, mdns);
    await expect.poll(() => listener.present.size, SOON).toBe(2);
    await announcement?.close();
    await expect.poll(() => listener.present.size, SOON).toBe(1);
    const found = await discoverOne();
    await second?.close();
    await otherServer.close();
    await other.close();
    expect(found.map(({ port }) => port)).toEqual([otherServer.port]);
  });
});

describe("announcing", () => {
  const start = async () => {
    const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    const server = await serveBoard(board, { port: 0 });
    const close = async () => {
      await server.close();
      await board.close();
    };
    return { board, server, close };
  };

  test("is off when only this machine is served", async () => {
    const { board, server, close } = await start();
    expect(await announceBoard(board, server)).toBeUndefined();
    await close();
  });

  test("a port that is not to be had is a warning, and the board answers", async () => {
    const { board, server, close } = await start();
    const mdns = await privateMdns();
    const blocker = createSocket({ type: "udp4", reuseAddr: false }).bind(mdns.port, "0.0.0.0");
    await once(blocker, "listening");
    const warnings: string[] = [];
    const announcement = await announceBoard(board, server, {
      ...mdns,
      onWarning: (message) => warnings.push(message),
    });
    await expect.poll(() => warnings, SOON).toEqual([expect.stringMatching(/not announced.*EADDRINUSE/)]);
    await expect(discoverBoards({ ...mdns, seconds: 60 })).rejects.toMatchObject({ code: "MDNS_UNAVAILABLE" });
    expect((await fetch(`${server.url}/v1/device`)).status).toBe(200);
    await announcement?.close();
    blocker.close();
    await close();
  });
});

test("a search leaves nothing behind at the signal that could have ended it", async () => {
  const { signal } = new AbortController();
  await discoverBoards({ ...(await privateMdns()), seconds: 0.01, signal });
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
