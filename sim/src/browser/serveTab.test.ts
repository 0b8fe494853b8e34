import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { boardModule } from "../board/boardBuilds.js";
import { MODEL, testBoard } from "../board/boardSuite.js";
import type { BoardServer } from "../server/listen.js";
import { serveTab } from "./serveTab.js";

let server: BoardServer;
beforeAll(async () => {
  server = await serveTab({ board: testBoard(), model: MODEL, modelSource: "lewm-test.syn", port: 0 });
});
afterAll(() => server?.close());

/** The status line's number of a request whose path is sent as it is. */
function statusOf(method: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, "127.0.0.1", () =>
      socket.write(`${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`),
    );
    let answer = "";
    socket.on("data", (bytes) => {
      answer += bytes;
    });
    socket.on("close", () => resolve(Number(answer.slice(9, 12))));
    socket.on("error", reject);
  });
}

test.each([
  ["/", "text/html; charset=utf-8"],
  ["/page.js", "text/javascript; charset=utf-8"],
  ["/worker.js", "text/javascript; charset=utf-8"],
  ["/serviceWorker.js", "text/javascript; charset=utf-8"],
  ["/board.wasm", "application/wasm"],
  ["/board.json", "application/json"],
  ["/model.syn", "application/octet-stream"],
])("%s has its type, may not be taken for another, and is asked about again", async (path, type) => {
  const first = await fetch(server.url + path);
  expect(first.status).toBe(200);
  expect(Object.fromEntries(first.headers)).toMatchObject({
    "content-type": type,
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
    "content-security-policy": expect.stringMatching(/^default-src 'none'/),
  });
  const again = await fetch(server.url + path, { headers: { "if-none-match": first.headers.get("etag") ?? "" } });
  expect(again.status).toBe(304);
});

test("core and model are the very files", async () => {
  const bytes = async (path: string) => Buffer.from(await (await fetch(server.url + path)).arrayBuffer());
  expect((await bytes("/board.wasm")).equals(readFileSync(boardModule()))).toBe(true);
  expect((await bytes("/model.syn")).equals(MODEL)).toBe(true);
});

test("the page's policy allows no script of others and no connection at all", async () => {
  const policy = (await fetch(server.url)).headers.get("content-security-policy") ?? "";
  expect(policy).toMatch(/script-src 'self'( 'sha256-[A-Za-z0-9+/=]+')*;/);
  expect(policy).not.toMatch(/connect-src|script-src[^;]*unsafe/);
});

test("another model makes another service worker, so that no browser keeps the old one", async () => {
  const other = await serveTab({
    board: { ...testBoard(), name: "other" },
    model: MODEL,
    modelSource: "lewm-test.syn",
    port: 0,
  });
  const [ours, theirs] = await Promise.all(
    [server, other].map(async ({ url }) => (await fetch(`${url}/serviceWorker.js`)).text()),
  );
  await other.close();
  expect(ours).not.toBe(theirs);
});

test.each([
  "/../package.json",
  "/..%2f..%2fpackage.json",
  "/%2e%2e/%2e%2e/etc/passwd",
  "//etc/passwd",
  "/index.html/..",
  "/v1/device",
  "*",
  "/\\..\\x",
])("nothing else is there: %s", async (path) => {
  expect(await statusOf("GET", path)).toBe(404);
});

test("files are only read", async () => {
  expect(await statusOf("POST", "/model.syn")).toBe(405);
  expect(await statusOf("HEAD", "/model.syn")).toBe(200);
});

test("a model that no such board could hold is refused before anything is served", async () => {
  const board = testBoard((edited) => {
    edited.sram.freeBytes = 16384;
  });
  await expect(serveTab({ board, model: MODEL, modelSource: "x.syn", port: 0 })).rejects.toMatchObject({
    code: "MODEL_EXCEEDS_SRAM",
  });
});
