import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BoardServer, readBoard, SimulatedBoard, serveBoard } from "synapse-sim";
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

/** What an example prints. */
function run(name: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path(`examples/${name}/index.mjs`), server.url, ...args], { cwd: path("") });
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
