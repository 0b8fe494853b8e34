import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SimulatedBoard } from "../board/board.js";
import { MODEL, testBoard } from "../board/boardSuite.js";
import { findChromium } from "../testing/chromium.js";
import type { BoardServer } from "./listen.js";
import { serveBoard } from "./serveBoard.js";

const PHONE = { width: 390, height: 844 };
const PORTRAIT = fileURLToPath(new URL("../../../samples/rocket-portrait.jpg", import.meta.url));
const executable = findChromium();

describe.skipIf(executable === undefined)("the page on a phone", () => {
  let board: SimulatedBoard;
  let server: BoardServer;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    server = await serveBoard(board, { port: 0 });
    browser = await chromium.launch({ executablePath: executable as string, args: ["--no-sandbox"] });
    page = await browser.newPage({ viewport: PHONE, hasTouch: true, isMobile: true });
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    await page.goto(server.url);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await board?.close();
  });

  /** Waits until the line beside the latent's picture reads like `expected`. */
  async function latentNote(expected: RegExp): Promise<void> {
    await page.locator("#latent-note").filter({ hasText: expected }).waitFor();
  }

  test("says which board and model it talks to, and that the weights are untrained", async () => {
    await page.locator("#facts").getByText("Model").waitFor();
    expect(await page.locator("#where").innerText()).toContain("simulated");
    expect(await page.locator("#untrained").isVisible()).toBe(true);
  });

  test("nothing is wider than the screen", async () => {
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(PHONE.width);
  });

  test("turns a chosen portrait photo into a picture of its latent", async () => {
    await page.locator("#file").setInputFiles(PORTRAIT);
    await latentNote(/^32 values, length \d/);
    // The heat map has more than one colour.
    const colours = await page.evaluate(
      "(() => { const c = document.querySelector('#map'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; const s = new Set(); for (let i = 0; i < d.length; i += 4) s.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); return s.size; })()",
    );
    expect(colours).toBeGreaterThan(10);
    // A picture stored lying on its side is shown standing.
    const [width, height] = (await page.evaluate(
      "[document.querySelector('#picture').naturalWidth, document.querySelector('#picture').naturalHeight]",
    )) as [number, number];
    expect(height).toBeGreaterThan(width);
  });

  test("the sample moves the latent, and imagining draws a path", async () => {
    await page.locator("#sample").tap();
    await latentNote(/\d away from the one before/);
    await page.locator("#imagine").tap();
    await page.locator("#path polyline").first().waitFor();
    expect(await page.locator("#path circle").count()).toBeGreaterThanOrEqual(16);
  });

  test("the second picture surprises, and the strip says by how much", async () => {
    await page
      .locator("#surprise-note")
      .filter({ hasText: /^\d+\.\d\d/ })
      .waitFor();
    expect(await page.locator("#surprises rect").count()).toBeGreaterThanOrEqual(1);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(PHONE.width);
  });

  test("a file that is no picture is refused in words", async () => {
    await page.locator("#file").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
    await page.locator("#error").waitFor({ state: "visible" });
    expect(await page.locator("#error").innerText()).toMatch(/picture/i);
  });

  test("the browser found nothing to complain about", () => {
    expect(complaints).toEqual([]);
  });
});

describe.skipIf(executable === undefined).each(["native", "wasm"] as const)("the page of a %s board from the factory", (engine) => {
  let board: SimulatedBoard;
  let server: BoardServer;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine, access: "unclaimed" });
    server = await serveBoard(board, { port: 0 });
    browser = await chromium.launch({ executablePath: executable as string, args: ["--no-sandbox"] });
    page = await browser.newPage({ viewport: PHONE, hasTouch: true, isMobile: true });
    await page.goto(server.url);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await board?.close();
  });

  const file = (name: string, buffer: Uint8Array) => ({ name, mimeType: "application/octet-stream", buffer: Buffer.from(buffer) });
  const choose = (name: string, buffer: Uint8Array) => page.locator("input[data-slot=model_b]").setInputFiles(file(name, buffer));
  const error = async () => {
    await page.locator("#error").waitFor({ state: "visible" });
    return page.locator("#error").innerText();
  };

  test("is claimed with one tap, shows the token once, and works then", async () => {
    await page.locator("#owner").getByText("Make this board yours").waitFor();
    await page.locator("#owner-name").fill("kitchen shelf");
    await page.locator("#owner-submit").tap();
    await page
      .locator("#owner-shown")
      .filter({ hasText: /^[A-Za-z0-9_-]{43}$/ })
      .waitFor();
    await page.locator("#owner-close").tap();
    await page.locator("#owner").waitFor({ state: "hidden" });
    await page.locator("#sample").tap();
    await page
      .locator("#latent-note")
      .filter({ hasText: /^32 values/ })
      .waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(PHONE.width);
  });

  test("another browser is asked for the token", async () => {
    const token = await page.evaluate("localStorage.getItem('synapse-token')");
    const context = await browser.newContext({ viewport: PHONE });
    const stranger = await context.newPage();
    await stranger.goto(server.url);
    await stranger.getByText("This board has an owner").waitFor();
    await stranger.locator("#owner-token").fill("guess");
    await stranger.locator("#owner-submit").click();
    await stranger.locator("#error").getByText("not the board's token").waitFor();
    await stranger.locator("#owner-token").fill(String(token));
    await stranger.locator("#owner-submit").click();
    await stranger.locator("#facts").getByText("Model").waitFor();
    const linked = await context.browser()?.newPage();
    await linked?.goto(`${server.url}/#token=${token}`);
    await linked?.locator("#facts").getByText("Model").waitFor();
    expect(linked?.url()).not.toContain("token");
    await context.close();
  });

  test("a broken model is refused in words, a good one is uploaded and run", async () => {
    const damaged = Uint8Array.from(MODEL);
    damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
    await choose("damaged.syn", damaged);
    expect(await error()).toMatch(/SHA-256/);
    await choose("good.syn", MODEL);
    await page.locator("button[data-run=model_b]").tap();
    await page
      .locator("#models-note")
      .filter({ hasText: /runs lewm-test, \d+ test vectors passed/ })
      .waitFor();
    await page.locator("#slots").getByText("model_b runs lewm-test").waitFor();
  });

  test("power is cut in the middle of an upload: the page says so, and the board comes back", async () => {
    board.cutPower(15, "torn");
    await page.locator("input[data-slot=model_a]").setInputFiles(file("good.syn", MODEL));
    expect(await error()).toMatch(/connection broke/);
    expect(board.running).toBe(false);
    await board.reset();
    await page.locator("#sample").tap();
    await page
      .locator("#latent-note")
      .filter({ hasText: /away from the one before/ })
      .waitFor();
    await page.locator("#slots").getByText("model_a holds nothing that runs").waitFor();
    await page.locator("input[data-slot=model_a]").setInputFiles(file("good.syn", MODEL));
    await page.locator("button[data-run=model_a]").waitFor();
  });
});
