import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BoardServer, BrokerLink, readBoard, SimulatedBoard, serveBoard, startBroker } from "synapse-sim";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = new URL("../../../", import.meta.url);
const path = (name: string): string => fileURLToPath(new URL(name, ROOT));
let board: SimulatedBoard;
let server: BoardServer;

beforeAll(async () => {
  const model = readFileSync(path("sim/fixtures/lewm-test.syn"));
  board = await SimulatedBoard.create({ board: await readBoard(path("boards/waveshare-esp32-p4-wifi6.json")), model });
  server = await serveBoard(board, { port: 0 });
});
afterAll(async () => {
  await server?.close();
  await board?.close();
});

/** What an example prints that is about the board. */
const run = (name: string, ...args: string[]): Promise<string> => runAt(server.url, name, ...args);

function runAt(url: string, name: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path(`examples/${name}/index.mjs`), url, ...args], { cwd: path("") });
    let text = "";
    child.stdout.on("data", (bytes: Buffer) => {
      text += bytes;
    });
    child.stderr.on("data", (bytes: Buffer) => {
      text += bytes;
    });
    child.on("close", (status) => (status === 0 ? resolve(text) : reject(new Error(text))));
  });
}

test("encode-image", async () => {
  expect(await run("encode-image", path("samples/cat.jpg"))).toMatch(/^lewm-test: 32 values in \d+ µs\n-?\d/);
  await expect(run("encode-image", path("README.md"))).rejects.toThrow(
    /the board refused: .*; expected the type that the picture really has/,
  );
});

test("plan-to-goal", async () => {
  expect(await run("plan-to-goal", path("samples/cat.jpg"), path("samples/coffee.jpg"))).toMatch(
    /^progress \{.*\n[\s\S]*plan of 4 actions, cost \d/,
  );
});

test("watch-surprise", async () => {
  const text = await run("watch-surprise", board.ownerToken ?? "", path("samples/cat.jpg"), path("samples/coffee.jpg"));
  expect(text).toMatch(/cat\.jpg first\n.*coffee\.jpg surprise \d/);
});

test("update-model", async () => {
  const text = await run("update-model", board.ownerToken ?? "", path("sim/fixtures/lewm-test.syn"));
  expect(text).toMatch(/model_b: 0 %\nmodel_b: 100 %\nthe board runs lewm-test; \d+ test vectors passed/);
});

test("mqtt-fleet", async () => {
  const broker = await startBroker({ port: 0 });
  const file = await readBoard(path("boards/waveshare-esp32-p4-wifi6.json"));
  const model = readFileSync(path("sim/fixtures/lewm-test.syn"));
  const links: BrokerLink[] = [];
  const boards: SimulatedBoard[] = [];
  try {
    for (const [deviceId, access] of [
      ["02:00:00:00:00:0a", "open"],
      ["02:00:00:00:00:0b", "unclaimed"],
      ["02:00:00:00:00:0c", "open"],
    ] as const) {
      const each = await SimulatedBoard.create({ board: file, model, deviceId, deviceName: `board ${deviceId.at(-1)}`, access });
      boards.push(each);
      links.push(new BrokerLink(each, { fallbackUrl: broker.url }));
    }
    await expect.poll(() => links.every((link) => link.connected)).toBe(true);
    // Its power goes: the broker tells its will.
    await boards[2]?.close();
    const text = await runAt(broker.url, "mqtt-fleet", path("samples/cat.jpg"));
    expect(text.split("\n")).toEqual([
      expect.stringMatching(/^02000000000a {2}board a {2}lewm-test: 32 values in \d+ µs {2}-?\d/),
      "02000000000b  board b  refused: the board has no owner; expected a claim over HTTP first",
      "02000000000c  offline",
      "",
    ]);
  } finally {
    for (const each of boards) await each.close();
    for (const link of links) await link.close();
    await broker.close();
  }
});
