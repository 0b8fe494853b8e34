import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BrokerWatch, type WatchedClient } from "./brokerWatch.js";

class Client extends EventEmitter {
  connected = true;
  readonly options = { reconnectPeriod: 1_000 };
}

let client: Client;
let broker: BrokerWatch;

beforeEach(() => {
  vi.useFakeTimers();
  client = new Client();
  broker = new BrokerWatch(client as unknown as WatchedClient);
});
afterEach(() => {
  vi.useRealTimers();
});

test("a broker that is gone is tried again with pauses that grow, up to half a minute", () => {
  const pauses: number[] = [];
  for (let tried = 0; tried < 8; tried++) {
    client.emit("close");
    pauses.push(client.options.reconnectPeriod);
  }
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  client.emit("connect");
  client.emit("close");
  expect(client.options.reconnectPeriod).toBe(1_000);
});

test("listeners hear once that it is gone, and once that it is back", () => {
  const changes: unknown[] = [];
  broker.listen((change) => changes.push(change));
  client.emit("error", new Error("connect ECONNREFUSED"));
  client.emit("close");
  client.emit("close");
  client.emit("connect");
  expect(changes).toEqual([{ connected: false, detail: "connect ECONNREFUSED" }, { connected: true }]);
});

test("time in which the broker is away is not counted", () => {
  const { signal } = broker.timeout(10_000);
  vi.advanceTimersByTime(6_000);
  client.emit("close");
  vi.advanceTimersByTime(3_600_000);
  client.emit("connect");
  vi.advanceTimersByTime(3_999);
  expect(signal.aborted).toBe(false);
  vi.advanceTimersByTime(2);
  expect(signal.aborted).toBe(true);
});

test("who waits for the broker goes on when it is back, or when they are stopped", async () => {
  client.emit("close");
  const stop = new AbortController();
  const waits = broker.back(new AbortController().signal);
  const stopped = broker.back(stop.signal);
  stop.abort(new Error("stopped"));
  await expect(stopped).rejects.toThrow("stopped");
  client.emit("connect");
  await waits;
});
