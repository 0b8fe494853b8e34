import { connect } from "node:net";
import { Duplex } from "node:stream";
import { afterEach, describe, expect, test, vi } from "vitest";
import { SimulatedBoard } from "../board/board.js";
import { MODEL, testBoard } from "../board/boardSuite.js";
import type { OutgoingMessage } from "../board/deviceCore.js";
import { BrokerLink, type BrokerLinkOptions } from "./brokerLink.js";
import { type EmbeddedBroker, startBroker } from "./embeddedBroker.js";

let board: SimulatedBoard | undefined;
let link: BrokerLink | undefined;
let broker: EmbeddedBroker | undefined;
afterEach(async () => {
  vi.useRealTimers();
  await link?.close();
  await board?.close();
  await broker?.close();
  link = board = broker = undefined;
});

const start = async (options: BrokerLinkOptions, before: () => void = () => undefined): Promise<BrokerLink> => {
  board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine: "wasm" });
  before();
  link = new BrokerLink(board, options);
  return link;
};

/** A connection on which nothing ever comes. */
const silence = (): Duplex => new Duplex({ read: () => undefined, write: (_bytes, _encoding, done) => done() });

describe("the waits between tries", () => {
  /** When the first tries are made, in seconds after the first one. */
  const triesS = async (count: number, random: () => number): Promise<number[]> => {
    const tries: number[] = [];
    const open = () => {
      tries.push(Date.now());
      return silence().destroy();
    };
    await start({ fallbackUrl: "mqtt://127.0.0.1:1", random, open }, () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    });
    while (tries.length < count) await vi.advanceTimersToNextTimerAsync();
    return tries.map((at) => (at - (tries[0] ?? 0)) / 1000);
  };

  test("are each twice as long as the one before, up to half a minute", async () => {
    expect(await triesS(9, () => 1)).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121]);
  });

  test("are shorter by a random part of at most a half", async () => {
    expect(await triesS(7, () => 0)).toEqual([0, 0.5, 1.5, 3.5, 7.5, 15.5, 30.5]);
  });
});

describe("what waits for the broker", () => {
  const message = (topic: string, qos: 0 | 1): OutgoingMessage => ({
    ...{
      topic,
      payload: new Uint8Array([1]),
      qos,
      retain: false,
      contentType: "",
      correlation: new Uint8Array(),
      properties: [],
    },
  });

  test("is at most 256 messages; more are refused until the board starts anew", async () => {
    const away = await start({ fallbackUrl: "mqtt://127.0.0.1:1", open: silence });
    const taken = () =>
      Array.from({ length: 300 }, (_, i) => away.publish(message(`a/${i}`, 1))).filter(Boolean).length;
    expect(taken()).toBe(256);
    expect(away.publish(message("a", 0))).toBe(false);
    await board?.reset();
    expect(taken()).toBe(256);
  });

  test("does not overtake the subscriptions of its connection", async () => {
    broker = await startBroker({ port: 0 });
    const { port } = broker;
    // Of the last connection: a broker of 3.1.1 refuses the first one, which is of MQTT 5.
    let packets: string[] = [];
    const open = (): Duplex => {
      const told: string[] = [];
      packets = told;
      const [sent, received] = [new Packets((name) => told.push(name)), new Packets((name) => told.push(name))];
      const socket = connect(port, "127.0.0.1");
      socket.on("data", (bytes: Buffer) => received.take(bytes)).on("error", () => undefined);
      return new Duplex({
        read: () => socket.resume(),
        write: (bytes: Buffer, _encoding, done) => {
          sent.take(bytes);
          socket.write(bytes, done);
        },
        destroy: (error, done) => {
          socket.destroy();
          done(error);
        },
        construct(done) {
          socket.on("data", (bytes: Buffer) => this.push(bytes)).on("close", () => this.destroy());
          done();
        },
      });
    };
    const there = await start({ fallbackUrl: `mqtt://127.0.0.1:${port}`, open });
    await expect.poll(() => packets.includes("PUBACK")).toBe(true);
    expect(there.connected).toBe(true);
    const subscribed = packets.filter((name) => name === "SUBSCRIBE").length;
    expect(subscribed).toBeGreaterThan(0);
    const before = packets.slice(0, packets.indexOf("PUBLISH"));
    expect(before.filter((name) => name === "SUBACK")).toHaveLength(subscribed);
  });
});

const NAMES = ["", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK"];

/** Names the packets of one direction of a connection (MQTT 5, section 2.1). */
class Packets {
  #rest = Buffer.alloc(0);
  readonly #tell: (name: string) => void;

  constructor(tell: (name: string) => void) {
    this.#tell = tell;
  }

  take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      let length = 0;
      let at = 1;
      for (; at < this.#rest.length; at++) {
        const byte = this.#rest[at] ?? 0;
        length += (byte & 0x7f) * 128 ** (at - 1);
        if (byte < 0x80) break;
      }
      if (at + 1 + length > this.#rest.length) return;
      this.#tell(NAMES[(this.#rest[0] ?? 0) >> 4] ?? "");
      this.#rest = this.#rest.subarray(at + 1 + length);
    }
  }
}
