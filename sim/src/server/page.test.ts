import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SimulatedBoard } from "../board/board.js";
import { MODEL, testBoard } from "../board/boardSuite.js";
import { findChromium } from "../testing/chromium.js";
import { type BoardServer, serveBoard } from "./serveBoard.js";

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
