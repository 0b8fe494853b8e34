import { expect, test } from "vitest";
import { readEvents } from "../src/events.js";

const TEXT = 'event: progress\ndata: {"iteration":1,"cost":50.02}\n\nevent: result\r\ndata: {"name":"Ä"}\r\n\r\n';

function inParts(text: string, bytes: number): ReadableStream<Uint8Array> {
  const all = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < all.length; at += bytes) controller.enqueue(all.slice(at, at + bytes));
      controller.close();
    },
  });
}

test("events are the same however the network cuts them", async () => {
  for (let bytes = 1; bytes <= TEXT.length; bytes++) {
    const events = [];
    for await (const event of readEvents(inParts(TEXT, bytes))) events.push(event);
    expect(events).toEqual([
      { name: "progress", data: { iteration: 1, cost: 50.02 } },
      { name: "result", data: { name: "Ä" } },
    ]);
  }
});

test("a stream that ends inside an event says so", async () => {
  const read = async () => {
    for await (const _ of readEvents(inParts(TEXT.slice(0, -8), 7)));
  };
  await expect(read()).rejects.toThrow("broke off");
});
