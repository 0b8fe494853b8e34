import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BoardServer, readBoard, SimulatedBoard, serveBoard } from "synapse-sim";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runInside } from "../cli/testing/cliHarness.js";

const repository = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

let folder: string;
let board: SimulatedBoard;
let server: BoardServer;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-claim-"));
  const file = await readBoard(repository("boards/esp32-p4-function-ev.json"));
  const model = new Uint8Array(await readFile(repository("sim/fixtures/lewm-test.syn")));
  board = await SimulatedBoard.create({ board: file, model, access: "unclaimed" });
  server = await serveBoard(board, { port: 0, host: "127.0.0.1" });
});
afterEach(async () => {
  await server.close();
  await board.close();
  await rm(folder, { recursive: true, force: true });
});

const claim = (url: string, config = folder, ...options: string[]) =>
  runInside(["claim", url, "--json", ...options], { env: { XDG_CONFIG_HOME: config } });

test("claim keeps the token for this user alone, and finds it again", async () => {
  const first = JSON.parse((await claim(server.url)).stdout);
  expect(first).toMatchObject({ command: "claim", already: false });
  expect((await stat(first.tokenFile)).mode & 0o777).toBe(0o600);
  const answer = await fetch(`${server.url}/v1/settings`, { headers: { authorization: `Bearer ${first.token}` } });
  expect(answer.status).toBe(200);
  const again = JSON.parse((await claim(server.url)).stdout);
  expect(again).toMatchObject({ already: true, token: first.token });
});

test("somebody else's board, no board and no address are said in one line", async () => {
  await claim(server.url);
  const other = await claim(server.url, join(folder, "other"));
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("[CLAIM_OWNED]") });
  const moved = server.url.replace("127.0.0.1", "localhost");
  const asked = await claim(moved);
  expect(asked.stderr).toMatch(/no token of this address is in .*--id with one of [0-9a-f]{12}/);
  const [, id] = /--id with one of ([0-9a-f]{12})/.exec(asked.stderr) ?? [];
  expect((await claim(moved, undefined, "--id", id as string)).code).toBe(0);
  // It is not asked for a second time.
  expect((await claim(moved)).code).toBe(0);
  expect((await claim("http://127.0.0.1:1")).stderr).toContain("[BOARD_UNREACHABLE]");
  expect((await claim("kitchen")).stderr).toContain("[BOARD_ADDRESS]");
}, 30_000);

test("what answers as another board of this user's, or as no board does, spoils no token", async () => {
  const mine = JSON.parse((await claim(server.url)).stdout);
  const answers = { token: "x".repeat(43), id: mine.id as string, name: "evil" };
  const hostile = createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(request.url === "/v1/claim" ? answers : { id: answers.id, claimed: false }));
  });
  await new Promise<void>((resolve) => hostile.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`;
  const kept = () => readFile(mine.tokenFile as string, "utf8");
  const before = await kept();
  try {
    expect(await claim(url)).toMatchObject({ code: 2, stderr: expect.stringContaining("[CLAIM_KNOWN]") });
    answers.id = "02:00:00:00:77:77";
    for (const token of [17, "", "two\nlines of it, which is long", "y".repeat(2 << 20)]) {
      Object.assign(answers, { token });
      expect((await claim(url)).code).toBe(2);
    }
    expect(await kept()).toBe(before);
  } finally {
    await new Promise((resolve) => hostile.close(resolve));
  }
}, 30_000);
