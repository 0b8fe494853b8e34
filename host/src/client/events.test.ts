import { expect, test } from "vitest";
import { UnexpectedAnswer } from "./errors.js";
import { readEvents, type ServerEvent } from "./events.js";

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
