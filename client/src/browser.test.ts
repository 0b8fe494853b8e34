import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { rolldown } from "rolldown";
import { type BoardServer, SimulatedBoard, serveBoard } from "synapse-sim";
import { readBoard } from "synapse-sim/boards";
import { findChromium } from "synapse-sim/testing/chromium";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SynapseClient } from "./index.js";

const ROOT = new URL("../../", import.meta.url);
const path = (name: string): string => fileURLToPath(new URL(name, ROOT));
const executable = findChromium();

describe.skipIf(executable === undefined)("in a browser", () => {
  let board: SimulatedBoard;
  let server: BoardServer;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const model = readFileSync(path("sim/fixtures/lewm-test.syn"));
    board = await SimulatedBoard.create({
      board: await readBoard(path("boards/waveshare-esp32-p4-wifi6.json")),
      model,
    });
    server = await serveBoard(board, { port: 0 });
    const bundle = await rolldown({ input: path("client/src/index.ts"), platform: "browser" });
    const { output } = await bundle.generate({ format: "iife", name: "synapse" });
    browser = await chromium.launch({ executablePath: executable as string, args: ["--no-sandbox"] });
    // The board's page lets no other script run; this one stands for a page of its own.
    page = await browser.newPage({ bypassCSP: true });
    await page.goto(server.url);
    await page.addScriptTag({ content: output[0].code });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await board?.close();
  });

  test("the same calls give the same numbers as in Node", async () => {
    const photo = readFileSync(path("samples/cat.jpg"));
    const expected = await new SynapseClient({ url: server.url }).encode({ bytes: photo, type: "image/jpeg" });
    const latent = await page.evaluate(`(async () => {
      const bytes = Uint8Array.from(atob(${JSON.stringify(photo.toString("base64"))}), (c) => c.charCodeAt(0));
      const client = new synapse.SynapseClient({ url: location.origin });
      const { latent } = await client.encode({ bytes, type: "image/jpeg" });
      return [...latent];
    })()`);
    expect(latent).toEqual([...expected.latent]);
  });

  test("events are an iterator there too, and errors have the board's code", async () => {
    const seen = await page.evaluate(`(async () => {
      const client = new synapse.SynapseClient({ url: location.origin });
      const row = { latent: new Float32Array(32) }, kinds = [];
      const request = { start: row, goal: row, horizon: 1, budget: { samples: 4, iterations: 2, elites: 2 } };
      for await (const event of client.planEvents(request)) kinds.push(event.kind);
      const code = await client.predict([[1]], [[1]]).catch((error) => error.code);
      return [...kinds, code];
    })()`);
    expect(seen).toEqual(["progress", "progress", "result", "BODY_INVALID"]);
  });
});
