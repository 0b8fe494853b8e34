import { request } from "node:http";
import { connect } from "node:net";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SimulatedBoard } from "../board/board.js";
import { MODEL, sample, testBoard } from "../board/boardSuite.js";
import { StoppedClock } from "../testing/stoppedClock.js";
import type { BoardServer } from "./listen.js";
import { serveBoard } from "./serveBoard.js";

let board: SimulatedBoard;
let server: BoardServer;

beforeAll(async () => {
  board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
  server = await serveBoard(board, { port: 0 });
});
afterAll(async () => {
  await server?.close();
  await board?.close();
});

/** Sends bytes as they are and answers all that comes back until the server closes the connection. */
function rawExchange(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (bytes) => {
      answer += bytes;
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

test("a picture over HTTP", async () => {
  const response = await fetch(`${server.url}/v1/encode`, {
    method: "POST",
    headers: { "content-type": "image/jpeg" },
    body: Uint8Array.from(sample("coffee.jpg")),
  });
  expect(response.status).toBe(200);
  expect(((await response.json()) as { latent: number[] }).latent).toHaveLength(32);
});

test("the page comes compressed, whole and once", async () => {
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    request(`${server.url}/`, { headers: { "accept-encoding": "gzip" } }, (response) => {
      expect(response.headers["content-encoding"]).toBe("gzip");
      const chunks: Buffer[] = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks)));
    })
      .on("error", reject)
      .end();
  });
  const page = gunzipSync(bytes).toString();
  expect(page).toMatch(/^<!doctype html>[\s\S]*<\/html>\s*$/);
  // Nothing may be loaded from elsewhere.
  expect(page).not.toMatch(/(src|href)="https?:/);
  const first = await fetch(`${server.url}/`);
  const again = await fetch(`${server.url}/`, { headers: { "if-none-match": first.headers.get("etag") ?? "" } });
  expect(again.status).toBe(304);
});

test("HEAD has a head and no body; a connection is used again", async () => {
  const response = await fetch(`${server.url}/v1/device`, { method: "HEAD" });
  expect(response.status).toBe(200);
  expect(await response.text()).toBe("");
  const answered = await fetch(`${server.url}/v1/device`);
  expect(answered.headers.get("connection")).toBe("keep-alive");
});

test("an answer that comes before the body ends closes the connection", async () => {
  const head = "POST /v1/encode HTTP/1.1\r\nhost: x\r\ncontent-type: image/jpeg\r\ncontent-length: 99999999\r\n\r\nabc";
  const answer = await rawExchange(head);
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer).toContain('"code":"BODY_TOO_LARGE"');
});

test("a client that sends on after it was answered can still read the answer", async () => {
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true }, () =>
      socket.write("POST /v1/encode HTTP/1.1\r\nhost: x\r\ncontent-type: text/css\r\ncontent-length: 3000000\r\n\r\n"),
    );
    const rest = (times: number) => {
      if (times > 0) socket.write(Buffer.alloc(100_000), () => setImmediate(rest, times - 1));
      else socket.end();
    };
    // The answer is there and is not read yet.
    socket.once("readable", () => {
      rest(20);
      socket.once("finish", () => {
        let text = "";
        socket.on("data", (bytes) => {
          text += bytes;
        });
        socket.on("end", () => resolve(text));
      });
    });
    socket.on("error", reject);
  });
  expect(answer).toMatch(/^HTTP\/1\.1 415 .*"code":"CONTENT_TYPE"/s);
});

test("a client that expects 100-continue is refused before it sends", async () => {
  const head =
    "POST /v1/encode HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: text/css\r\ncontent-length: 9\r\n" +
    "\r\n";
  expect(await rawExchange(head)).toMatch(/^HTTP\/1\.1 415 /);
});

test("what is not HTTP, and a head that is too large, are answered as problems", async () => {
  expect(await rawExchange("hello\r\n\r\n")).toContain('"code":"HEAD_MALFORMED"');
  expect(await rawExchange(`GET / HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`)).toContain('"code":"HEAD_TOO_LARGE"');
});

test.each([
  [
    "an expectation that the board does not know",
    "GET /v1/device HTTP/1.1\r\nhost: x\r\nexpect: more\r\n\r\n",
    417,
    "EXPECTATION_UNKNOWN",
    "expect",
  ],
  [
    "the same before a body",
    "POST /v1/encode HTTP/1.1\r\nhost: x\r\nexpect: more\r\ncontent-length: 9\r\n\r\n",
    417,
    "EXPECTATION_UNKNOWN",
    "expect",
  ],
  ["no host", "GET /v1/device HTTP/1.1\r\n\r\n", 400, "HEAD_MALFORMED", "host"],
  ["no host, with a target that has one", "GET http://x/v1/device HTTP/1.1\r\n\r\n", 400, "HEAD_MALFORMED", "host"],
  ["two hosts", "GET /v1/device HTTP/1.1\r\nhost: x\r\nHost: y\r\n\r\n", 400, "HEAD_MALFORMED", "host"],
  ["no host before a body", "POST /v1/encode HTTP/1.1\r\ncontent-length: 9\r\n\r\n", 400, "HEAD_MALFORMED", "host"],
  [
    "a tunnel",
    "CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n",
    405,
    "METHOD_NOT_ALLOWED",
    undefined,
  ],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "HEAD_MALFORMED", undefined],
  [
    "a body whose pieces are none",
    "POST /v1/encode HTTP/1.1\r\nhost: x\r\ncontent-type: image/jpeg\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    400,
    "HEAD_MALFORMED",
    undefined,
  ],
])("%s is answered in the core's form", async (_title, text, status, code, field) => {
  const [head = "", body = ""] = (await rawExchange(text)).split("\r\n\r\n");
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(head.toLowerCase()).toContain("content-type: application/problem+json");
  const problem = JSON.parse(body);
  expect(problem).toMatchObject({
    title: expect.stringMatching(/./),
    status,
    code,
    detail: expect.stringMatching(/./),
    expected: expect.stringMatching(/./),
  });
  expect(problem.field).toBe(field);
});

test("the core knows who asks, and under which name", async () => {
  const slow = connect(server.port, "127.0.0.1", () =>
    slow.write("POST /v1/plan HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"),
  );
  const headers = { authorization: `Bearer ${board.ownerToken}` };
  const shown = async () =>
    (
      (await (await fetch(`${server.url}/v1/requests`, { headers })).json()) as {
        requests: { by: string; client: string }[];
      }
    ).requests.map(({ by, client }) => `${by} ${client.replace("::ffff:", "")}`);
  await expect.poll(shown).toEqual(["stranger 127.0.0.1"]);
  slow.destroy();
  await expect.poll(shown).toEqual([]);
  const rebound = "POST /v1/selftest HTTP/1.1\r\nhost: rebound.example.org\r\nconnection: close\r\n\r\n";
  expect(await rawExchange(rebound)).toContain("HOST_FOREIGN");
  const page =
    "POST /v1/selftest HTTP/1.1\r\nhost: 127.0.0.1\r\norigin: http://evil.example\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n";
  expect(await rawExchange(page)).toContain("ORIGIN_FOREIGN");
});

test.each([
  ["an absolute target", "GET http://board:80/v1/device HTTP/1.1\r\nhost: board:80\r\nconnection: close\r\n\r\n"],
  ["HTTP/1.0 without a host", "GET /v1/device HTTP/1.0\r\n\r\n"],
])("%s is answered", async (_title, text) => {
  const answer = await rawExchange(text);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(answer).toContain('"simulated":true');
});

test("a client that does not go away after its answer is cut off", async () => {
  const clock = new StoppedClock();
  const small = await serveBoard(board, { port: 0, connections: { clock } });
  const socket = connect({ port: small.port, host: "127.0.0.1", allowHalfOpen: true });
  let [answer, closed] = ["", false];
  socket.on("data", (bytes) => {
    answer += bytes;
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    closed = true;
  });
  socket.write("POST /v1/encode HTTP/1.1\r\nhost: x\r\ncontent-type: text/css\r\ncontent-length: 3000000\r\n\r\n");
  await expect.poll(() => answer).toMatch(/^HTTP\/1\.1 415 /);
  socket.write("x");
  clock.pass();
  await expect.poll(() => closed || !socket.write("x")).toBe(true);
  await small.close();
});

test("a client that leaves in the middle leaves nothing behind", async () => {
  for (let i = 0; i < 8; i++) {
    await new Promise<void>((resolve) => {
      const socket = connect(server.port, "127.0.0.1", () => {
        socket.write(
          "POST /v1/encode HTTP/1.1\r\nhost: x\r\ncontent-type: image/jpeg\r\ncontent-length: 1000\r\n\r\nabc",
          () => {
            socket.destroy();
            resolve();
          },
        );
      });
    });
  }
  await expect
    .poll(async () => {
      const device = (await (await fetch(`${server.url}/v1/device`)).json()) as { queue: { in_progress: number } };
      return device.queue.in_progress;
    })
    .toBe(0);
});

test("the API describes itself", async () => {
  const response = await fetch(`${server.url}/openapi.json`);
  expect(response.headers.get("content-type")).toBe("application/json");
  const document = (await response.json()) as { openapi: string; paths: object };
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths)).toContain("/v1/plan");
  const again = await fetch(`${server.url}/openapi.json`, {
    headers: { "if-none-match": response.headers.get("etag") ?? "" },
  });
  expect(again.status).toBe(304);
});

test("progress of a plan arrives while it runs, and a client that leaves stops it", async () => {
  const frame = { latent: Array.from({ length: 32 }, () => 0.5) };
  // Far longer than it takes to leave.
  const budget = { samples: 300, iterations: 30, elites: 30 };
  const leaving = new AbortController();
  const response = await fetch(`${server.url}/v1/plan`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${board.ownerToken}`,
      "content-type": "application/json",
      accept: "text/event-stream",
    },
    body: JSON.stringify({ start: frame, goal: frame, budget }),
    signal: leaving.signal,
  });
  const first = await response.body?.getReader().read();
  expect(new TextDecoder().decode(first?.value)).toMatch(/^event: progress\ndata: \{"iteration":1,/);
  leaving.abort();
  await expect
    .poll(
      async () =>
        ((await (await fetch(`${server.url}/v1/device`)).json()) as { queue: { in_progress: number } }).queue
          .in_progress,
    )
    .toBe(0);
  const metrics = await (await fetch(`${server.url}/v1/metrics`)).text();
  // Stopped before its end, so no inference of that route was ever answered.
  expect(metrics).not.toContain('synapse_inference_seconds_count{route="/v1/plan"}');
});

test("an answer in whose middle the board is reset breaks off", async () => {
  const frame = { latent: Array.from({ length: 32 }, () => 0.5) };
  const response = await fetch(`${server.url}/v1/plan`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${board.ownerToken}`,
      "content-type": "application/json",
      accept: "text/event-stream",
    },
    body: JSON.stringify({ start: frame, goal: frame, budget: { samples: 300, iterations: 30, elites: 30 } }),
  });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  await board.reset("watchdog");
  const readToEnd = async () => {
    while (!(await reader.read()).done);
  };
  await expect(readToEnd()).rejects.toThrow("terminated");
});

test("a port that is none is said", async () => {
  await expect(serveBoard(board, { port: 65_536 })).rejects.toMatchObject({ code: "PORT_UNAVAILABLE" });
});

test("a taken port is said", async () => {
  await expect(serveBoard(board, { port: server.port })).rejects.toMatchObject({ code: "PORT_UNAVAILABLE" });
});
