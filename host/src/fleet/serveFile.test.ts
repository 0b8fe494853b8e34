import { afterEach, beforeEach, expect, test } from "vitest";
import { addressForBoards, type ServedFile, serveFile } from "./serveFile.js";

const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index & 255);
let served: ServedFile;

beforeEach(async () => {
  served = await serveFile(bytes, "a model.syn", { port: 0, brokerHost: "127.0.0.1", boardsAreLocal: true });
});
afterEach(() => served.close());

async function get(range?: string): Promise<{ status: number; range: string | null; body: Uint8Array }> {
  const answer = await fetch(served.url, { headers: range === undefined ? {} : { range } });
  return {
    status: answer.status,
    range: answer.headers.get("content-range"),
    body: new Uint8Array(await answer.arrayBuffer()),
  };
}

test("gives the whole file, or the part that is asked for", async () => {
  expect(await get()).toEqual({ status: 200, range: null, body: bytes });
  expect(await get("bytes=900-")).toEqual({ status: 206, range: "bytes 900-999/1000", body: bytes.slice(900) });
  expect(await get("bytes=0-0")).toEqual({ status: 206, range: "bytes 0-0/1000", body: bytes.slice(0, 1) });
  expect(await get("bytes=990-5000")).toMatchObject({ status: 206, range: "bytes 990-999/1000" });
  expect(await get("bytes=-10")).toEqual({ status: 206, range: "bytes 990-999/1000", body: bytes.slice(990) });
});

test("a part that does not exist is none, one that cannot be understood is the whole", async () => {
  expect(await get("bytes=1000-")).toMatchObject({ status: 416, range: "bytes */1000" });
  expect(await get("bytes=5-4")).toMatchObject({ status: 416 });
  expect(await get("bytes=0-1,5-6")).toMatchObject({ status: 200, body: bytes });
  expect(await get("lines=1-2")).toMatchObject({ status: 200, body: bytes });
});

test("nothing else is there", async () => {
  const { origin } = new URL(served.url);
  expect((await fetch(`${origin}/a%20model.syn`)).status).toBe(404);
  expect((await fetch(`${origin}/`)).status).toBe(404);
  expect((await fetch(served.url, { method: "DELETE" })).status).toBe(405);
  expect((await fetch(served.url, { method: "HEAD" })).headers.get("content-length")).toBe("1000");
});

test("a port that is taken is told", async () => {
  const port = Number(new URL(served.url).port);
  await expect(serveFile(bytes, "b", { port, brokerHost: "localhost" })).rejects.toMatchObject({
    code: "PORT_UNAVAILABLE",
  });
});

test("boards get the address that this machine has at the broker, unless another is given", () => {
  const lan = { brokerHost: "hub.local", localAddress: "192.168.7.2" };
  expect(addressForBoards(lan)).toBe("192.168.7.2");
  expect(addressForBoards({ ...lan, localAddress: "::ffff:10.0.0.3" })).toBe("10.0.0.3");
  expect(addressForBoards({ ...lan, localAddress: "2001:db8::5" })).toBe("[2001:db8::5]");
  expect(addressForBoards({ ...lan, host: "files.local" })).toBe("files.local");
  expect(addressForBoards({ ...lan, host: "fd00::1" })).toBe("[fd00::1]");
  expect(addressForBoards({ brokerHost: "127.0.0.1", localAddress: "127.0.0.1", boardsAreLocal: true })).toBe(
    "127.0.0.1",
  );
  for (const host of ["", "a b", "1.2.3.4:80", "user@host", "host/path"])
    expect(() => addressForBoards({ ...lan, host })).toThrow("no name or address of a machine");
});
