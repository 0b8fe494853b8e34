import { expect, test } from "vitest";
import { UnexpectedAnswer } from "./errors.js";
import { readEvents, type ServerEvent } from "./events.js";

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
    const events: ServerEvent[] = [];
    for await (const event of readEvents(inParts(TEXT, bytes))) events.push(event);
    expect(events).toEqual([
      { name: "progress", data: { iteration: 1, cost: 50.02 } },
      { name: "result", data: { name: "Ä" } },
    ]);
  }
});

async function read(text: string, seen: ServerEvent[]): Promise<void> {
  for await (const event of readEvents(new Response(text).body as ReadableStream<Uint8Array>)) seen.push(event);
}

test("a stream that breaks off in the middle of an event gives the whole ones and then an error", async () => {
  const seen: ServerEvent[] = [];
  const reading = read('event: step\ndata: {"n":1}\n\nevent: step\ndata: {"n":2}', seen);
  await expect(reading).rejects.toThrow(new UnexpectedAnswer("the events broke off in the middle of one"));
  expect(seen).toEqual([{ name: "step", data: { n: 1 } }]);
});

test("a stream that ends after an event is whole", async () => {
  const seen: ServerEvent[] = [];
  await read("data: 1\n\n: a comment\n\n", seen);
  expect(seen).toEqual([{ name: "message", data: 1 }]);
});
