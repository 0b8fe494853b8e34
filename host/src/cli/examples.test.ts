import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BoardServer, BrokerLink, SimulatedBoard, serveBoard, startBroker } from "synapse-sim";
import { readBoard } from "synapse-sim/boards";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readFrame } from "../testing/evaluationSet.js";

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
    child.on("close", (status) => (status === 0 ? resolve(text) : reject(new Error(`${status} ${text}`))));
  });
}

test("encode-image", async () => {
  expect(await run("encode-image", path("samples/cat.jpg"))).toMatch(/^lewm-test: 32 values in \d+ µs\n-?\d/);
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
      const each = await SimulatedBoard.create({
        board: file,
        model,
        deviceId,
        deviceName: `board ${deviceId.at(-1)}`,
        access,
      });
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

/** A frame as an environment draws it. */
const FRAME = ["lewm-tworoom-small", "test-01", 3] as const;

describe("whatever file and address they are given", () => {
  let folder: string;
  const inFolder = (name: string) => join(folder, name);
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "synapse-examples-"));
    const png = await readFrame(...FRAME);
    writeFileSync(inFolder("frame.png"), png);
    // Its name lies.
    writeFileSync(inFolder("frame.jpg"), png);
    writeFileSync(inFolder("cut.png"), png.subarray(0, 60));
    writeFileSync(inFolder("empty.png"), "");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Arguments of each example behind the address, for one file. */
  const CALLS: Record<string, (file: string) => string[]> = {
    "encode-image": (file) => [file],
    "plan-to-goal": (file) => [file, path("samples/coffee.jpg")],
    "watch-surprise": (file) => [board.ownerToken ?? "", path("samples/cat.jpg"), file],
    "update-model": (file) => [board.ownerToken ?? "", file],
  };
  const pictureExamples = ["encode-image", "plan-to-goal", "watch-surprise"];
  const callOf = (name: string, file: string): string[] => CALLS[name]?.(file) ?? [file];
  /** The one line that an example says and the exit code with which it ends. */
  const refusal = async (url: string, name: string, ...args: string[]): Promise<string> => {
    const error = await runAt(url, name, ...args).then(
      () => new Error("it ended well"),
      (failed: Error) => failed,
    );
    return error.message;
  };

  test.each(pictureExamples)("%s takes PNG frames, whatever they are called", async (name) => {
    for (const frame of ["frame.png", "frame.jpg"])
      expect(await run(name, ...callOf(name, inFolder(frame)))).not.toContain("error");
  });

  test.each([...pictureExamples, "mqtt-fleet"])(
    "%s says in one line that a file is no picture, or not there",
    async (name) => {
      const url = name === "mqtt-fleet" ? "mqtt://127.0.0.1:1" : server.url;
      for (const file of [path("README.md"), inFolder("empty.png")])
        expect(await refusal(url, name, ...callOf(name, file))).toBe(
          `2 error: ${file} is not a picture that a board reads; expected a JPEG or PNG file [PICTURE_TYPE]\n`,
        );
      const missing = inFolder("missing.png");
      expect(await refusal(url, name, ...callOf(name, missing))).toBe(
        `2 error: ${missing} cannot be read; expected a file [ENOENT]\n`,
      );
      expect(await refusal(url, name, ...callOf(name, folder))).toBe(
        `2 error: ${folder} cannot be read; expected a file [EISDIR]\n`,
      );
    },
  );

  test.each(pictureExamples)("%s says in one line what the board makes of half a picture", async (name) => {
    expect(await refusal(server.url, name, ...callOf(name, inFolder("cut.png")))).toMatch(
      /^1 (.*first\n)?error: the board refused: .*; expected .* \[IMAGE_UNREADABLE\]\n$/,
    );
  });

  test("update-model says in one line what is no model, and what is not there", async () => {
    const [token, missing] = [board.ownerToken ?? "", inFolder("missing.syn")];
    expect(await refusal(server.url, "update-model", token, path("README.md"))).toMatch(
      /^1 (model_[ab]: \d+ %\n)*error: the board refused: .*; expected a packed model \(\.syn\) \[NOT_A_PACK\]\n$/,
    );
    expect(await refusal(server.url, "update-model", token, missing)).toBe(
      `2 error: ${missing} cannot be read; expected a file [ENOENT]\n`,
    );
    expect(await refusal(server.url, "update-model", "guess", path("sim/fixtures/lewm-test.syn"))).toMatch(
      /^1 error: .*\[TOKEN_WRONG\]\n$/,
    );
  });

  test.each([...pictureExamples, "update-model", "mqtt-fleet"])(
    "%s says in one line what is missing, and that nobody answers",
    async (name) => {
      expect(await refusal(server.url, name)).toMatch(
        /^2 error: an argument is missing; expected node index\.mjs \S+:\/\/.*\[USAGE\]\n$/,
      );
      expect(await refusal("nowhere", name, ...callOf(name, path("samples/cat.jpg")))).toMatch(
        /^2 error: nowhere is not an address; expected \S+ \[ADDRESS\]\n$/,
      );
      const nobody = name === "mqtt-fleet" ? "mqtt://127.0.0.1:1" : "http://127.0.0.1:1";
      expect(await refusal(nobody, name, ...callOf(name, path("samples/cat.jpg")))).toMatch(
        /^1 error: .* \[BoardUnreachable\]\n$/,
      );
    },
  );
});
