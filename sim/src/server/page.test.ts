import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SimulatedBoard } from "../board/board.js";
import { MODEL, testBoard } from "../board/boardSuite.js";
import {
  button,
  card,
  complaintsOf,
  file,
  hindrances,
  launchChromium,
  ON_A_PHONE,
  PHONE,
  widthOf,
} from "../testing/boardPage.js";
import { findChromium } from "../testing/chromium.js";
import { shortUpload } from "../testing/shortUpload.js";
import type { BoardServer } from "./listen.js";
import { serveBoard } from "./serveBoard.js";

const PORTRAIT = fileURLToPath(new URL("../../../samples/rocket-portrait.jpg", import.meta.url));
/** What a phone loads before it shows anything. */
const COMPRESSED_BYTES_MAX = 60_000;
const executable = findChromium();

const latentNote = (page: Page, text: RegExp) => card(page, "Latent").getByText(text).waitFor();

describe("the page as an asset", () => {
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

  test("is one small file that names no other address", async () => {
    const { body } = await board.handle({ method: "GET", target: "/", headers: { "accept-encoding": "gzip" } });
    expect(body.length).toBeLessThanOrEqual(COMPRESSED_BYTES_MAX);
    const html = new TextDecoder().decode(gunzipSync(body));
    const addresses = html.match(/(?:https?:)?\/\/[\w-]+\.[\w./-]+/g) ?? [];
    // Names of XML, which nobody fetches.
    expect(addresses.filter((address) => !address.startsWith("http://www.w3.org/"))).toEqual([]);
    expect(html).not.toMatch(/<script[^>]+src|<link[^>]+stylesheet/);
  });

  test("lets no script and no style run but its own", async () => {
    const policy = (await fetch(`${server.url}/`)).headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; /);
    expect(policy).not.toContain("unsafe");
  });
});

describe.skipIf(executable === undefined)("the page on a phone", () => {
  let board: SimulatedBoard;
  let server: BoardServer;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    server = await serveBoard(board, { port: 0 });
    browser = await launchChromium(executable);
    page = await browser.newPage(ON_A_PHONE);
    complaints = complaintsOf(page);
    await page.goto(`${server.url}/#token=${board.ownerToken}`);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await board?.close();
  });

  test("says which board and model it talks to, and that the weights are untrained", async () => {
    await card(page, "Board").getByText("lewm-test").waitFor();
    expect(await page.getByRole("banner").innerText()).toMatch(/simulated[\s\S]*untrained weights/);
    expect(await widthOf(page)).toBeLessThanOrEqual(PHONE.width);
  });

  test("turns a chosen portrait photo into a picture of its latent", async () => {
    await page.getByLabel("Choose a picture").setInputFiles(PORTRAIT);
    await latentNote(page, /^32 values, length \d/);
    const map = page.getByRole("img", { name: /^Heat map of 32 values/ });
    const colours = await map.evaluate((canvas) => {
      // biome-ignore lint/suspicious/noExplicitAny: runs in the browser, whose types Node does not have.
      const drawn = canvas as any;
      const { width, height, ...rest } = { width: drawn.width, height: drawn.height, canvas: drawn };
      const data: Uint8ClampedArray = rest.canvas.getContext("2d").getImageData(0, 0, width, height).data;
      const seen = new Set<number>();
      for (let i = 0; i < data.length; i += 4)
        seen.add(((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0));
      return seen.size;
    });
    expect(colours).toBeGreaterThan(10);
    // A picture stored lying on its side is shown standing.
    const picture = card(page, "Picture").getByRole("img", { name: "rocket-portrait.jpg" });
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    const [width, height] = await picture.evaluate((img: any): [number, number] => [
      img.naturalWidth,
      img.naturalHeight,
    ]);
    expect(height).toBeGreaterThan(width);
  });

  test("the sample moves the latent, and surprises by so much", async () => {
    await button(page, "Example picture").tap();
    await latentNote(page, /^\d+\.\d\d away from the one before$/);
    await card(page, "Surprise").getByText(/^\d/).first().waitFor();
    await button(page, "Example picture").tap();
    await page
      .getByRole("img", { name: /^Surprise of the last 2 pictures: [\d.]+, [\d.]+\. Mean [\d.]+\.$/ })
      .waitFor();
    await button(page, "Example picture").tap();
    await card(page, "Surprise")
      .getByText(/usual.*: \d+\.\d deviations (above|below) the mean/)
      .waitFor();
  });

  test("imagining draws the path of every sequence and its distance from the start", async () => {
    await button(page, "Imagine from the picture").tap();
    await page.getByRole("img", { name: "Paths of 1 imagined sequence from the same start." }).waitFor();
    await page.getByRole("radio", { name: "straight" }).tap();
    await page.getByRole("slider", { name: "Steps" }).fill("9");
    await button(page, "Imagine from the picture").tap();
    const paths = page.getByRole("img", { name: "Paths of 2 imagined sequences from the same start." });
    await paths.waitFor();
    expect(await paths.locator("polyline").count()).toBe(2);
    await page
      .getByRole("img", { name: /circle: 16 steps, ends [\d.]+ from the start; straight: 9 steps, ends/ })
      .waitFor();
    expect(await widthOf(page)).toBeLessThanOrEqual(PHONE.width);
    // Another picture has no paths yet.
    await button(page, "Example picture").tap();
    await paths.waitFor({ state: "detached" });
  });

  test("plans from a picture to another that was kept as the goal", async () => {
    await button(page, "Use this picture as goal").tap();
    await button(page, "Example picture").tap();
    await latentNote(page, /away from the one before/);
    const plan = card(page, "Plan");
    await plan.getByRole("img", { name: "Goal: example picture" }).waitFor();
    await plan.getByLabel("Actions", { exact: true }).fill("3");
    await plan.getByText("Budget").tap();
    await plan.getByLabel("Candidates").fill("300");
    await plan.getByLabel("Rounds").fill("30");
    // What is over the board's limit is given up before it is asked.
    await plan.getByText("27,000 predictions").waitFor();
    await plan.getByLabel("Actions", { exact: true }).fill("10");
    await plan.getByText("45,000 predictions").first().waitFor();
    expect(await plan.getByLabel("Candidates").inputValue()).toBe("150");
    await plan.getByLabel("Candidates").fill("16");
    await plan.getByLabel("Rounds").fill("3");
    await plan.getByLabel("Actions", { exact: true }).fill("3");
    await button(page, "Plan from the picture to the goal").tap();
    await page
      .getByRole("img", {
        name: /^Path of 3 imagined steps from the start, and the goal\. It ends [\d.]+ from the goal\.$/,
      })
      .waitFor();
    expect(await page.getByRole("list", { name: "Actions of the plan" }).getByRole("img").count()).toBe(3);
    await page
      .getByRole("img", { name: /^Cost of the best candidate, round by round: [\d.]+, [\d.]+, [\d.]+\.$/ })
      .waitFor();
    expect(await widthOf(page)).toBeLessThanOrEqual(PHONE.width);
  });

  test("a file that is no picture is refused in words, which can be put away", async () => {
    await page
      .getByLabel("Choose a picture")
      .setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
    await page.getByRole("alert").getByText("cannot read the picture").waitFor();
    expect(await hindrances(page)).toEqual([]);
    await button(page, "Close this message").tap();
    expect(await page.getByRole("alert").innerText()).toBe("");
  });

  test("live, every frame is answered before the next is sent, until it is stopped", async () => {
    const surprises = async () =>
      Number(
        /last (\d+)/.exec(
          (await page.getByRole("img", { name: /^Surprise of the last/ }).getAttribute("aria-label")) ?? "",
        )?.[1],
      );
    const before = await surprises();
    await button(page, "Live").tap();
    await card(page, "Live")
      .getByText(/^\d+ frames$/)
      .waitFor();
    await expect.poll(surprises).toBeGreaterThan(before + 2);
    await button(page, "Stop").tap();
    await card(page, "Picture").getByRole("img", { name: "live frame" }).waitFor();
    expect(await page.locator("video").count()).toBe(0);
  });

  test("live stops when nobody looks", async () => {
    await button(page, "Live").tap();
    await card(page, "Live").waitFor();
    await page.evaluate(
      "Object.defineProperty(document, 'hidden', { value: true, configurable: true }); document.dispatchEvent(new " +
        "Event('visibilitychange'))",
    );
    await card(page, "Picture").waitFor();
    await page.evaluate("delete document.hidden");
  });

  test("the browser found nothing to complain about", () => {
    expect(complaints).toEqual([]);
  });
});

interface Held {
  /** Plans get no result; their client leaving calls `planEnded`. */
  holdPlans: boolean;
  planEnded: () => void;
  /** Bytes of an upload that reach the board. */
  uploadBytesMax: number;
  /** Content-Range of the uploads so far. */
  readonly ranges: string[];
}

/**
 * A board whose answers and uploads can be held in their middle, so that what happens then can be seen without a race.
 */
function holding(board: SimulatedBoard) {
  const seen: Held = {
    planEnded: () => undefined,
    ranges: [],
    uploadBytesMax: Number.POSITIVE_INFINITY,
    holdPlans: false,
  };
  const open: SimulatedBoard["open"] = (request, sink) => {
    if (request.target.startsWith("/v1/plan") && seen.holdPlans) {
      let held = false;
      const chunk = (bytes: Uint8Array) => {
        held ||= new TextDecoder().decode(bytes).includes("event: result");
        if (!held) sink.chunk(bytes);
      };
      const opened = board.open(request, { head: sink.head, chunk, end: () => undefined });
      const close = () => {
        seen.planEnded();
        opened.close();
      };
      return { write: (bytes) => opened.write(bytes), end: () => opened.end(), close };
    }
    if (request.method !== "PUT" || !request.target.startsWith("/v1/models/")) return board.open(request, sink);
    seen.ranges.push(String(request.headers?.["content-range"] ?? ""));
    const opened = board.open(request, sink);
    return shortUpload(opened, seen.uploadBytesMax);
  };
  return { seen, board: { open } as SimulatedBoard };
}

describe.skipIf(executable === undefined)("work under way on the page", () => {
  let board: SimulatedBoard;
  let held: ReturnType<typeof holding>;
  let server: BoardServer;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    held = holding(board);
    server = await serveBoard(held.board, { port: 0 });
    browser = await launchChromium(executable);
    page = await browser.newPage(ON_A_PHONE);
    await page.goto(`${server.url}/#token=${board.ownerToken}`);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await board?.close();
  });

  test("a plan shows its cost round by round, and is given up with its connection", async () => {
    await button(page, "Example picture").tap();
    await button(page, "Use this picture as goal").tap();
    await button(page, "Example picture").tap();
    await latentNote(page, /away from the one before/);
    held.seen.holdPlans = true;
    const ended = new Promise<void>((resolve) => {
      held.seen.planEnded = resolve;
    });
    await button(page, "Plan from the picture to the goal").tap();
    await page.getByRole("img", { name: /^Cost of the best candidate, round by round: ([\d.]+(, )?){4}\.$/ }).waitFor();
    await card(page, "Plan")
      .getByText(/^Round 4 of 4, 480 predictions, cost [\d.]+$/)
      .waitFor();
    await button(page, "Cancel").tap();
    await ended;
    await button(page, "Plan from the picture to the goal").waitFor();
    expect(await page.getByRole("alert").innerText()).toBe("");
    held.seen.holdPlans = false;
    await button(page, "Plan from the picture to the goal").tap();
    await page.getByRole("list", { name: "Actions of the plan" }).waitFor();
  });

  test("an upload that was stopped goes on where it was", async () => {
    held.seen.uploadBytesMax = 50_000;
    await page.getByLabel("Upload a model to model_b").setInputFiles(file("good.syn", MODEL));
    await page.getByRole("progressbar", { name: "Upload to model_b" }).waitFor();
    await button(page, "Stop the upload").tap();
    held.seen.uploadBytesMax = Number.POSITIVE_INFINITY;
    await page.getByLabel("Go on with the upload to model_b").setInputFiles(file("good.syn", MODEL));
    await card(page, "Models").getByText("model_b holds good.syn").waitFor();
    const whole = `bytes 0-${MODEL.length - 1}/${MODEL.length}`;
    expect(held.seen.ranges).toEqual([
      whole,
      expect.stringMatching(new RegExp(`^bytes [1-9]\\d*-${MODEL.length - 1}/${MODEL.length}$`)),
    ]);
  });
});

describe.skipIf(executable === undefined)("the page without a pointer", () => {
  let board: SimulatedBoard;
  let server: BoardServer;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    server = await serveBoard(board, { port: 0 });
    browser = await launchChromium(executable);
    page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    await page.goto(server.url);
    await card(page, "Board").waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await board?.close();
  });

  /** Goes on with the Tab key until what has the focus is called so. */
  async function tabTo(name: RegExp): Promise<void> {
    const passed: string[] = [];
    for (let presses = 0; presses < 80; presses++) {
      await page.keyboard.press("Tab");
      const focused = String(
        await page.evaluate(
          "(() => { const e = document.activeElement; return e.getAttribute('aria-label') ?? " +
            "e.labels?.[0]?.textContent ?? e.textContent ?? ''; })()",
        ),
      );
      if (name.test(focused)) return;
      passed.push(focused.slice(0, 40));
    }
    throw new Error(`the Tab key does not reach ${name}; it passed ${passed.join(" | ")}`);
  }

  test("pictures, single values, imagining and planning are within reach of the keyboard", async () => {
    await tabTo(/^Example picture$/);
    await page.keyboard.press("Enter");
    await latentNote(page, /^32 values/);
    await tabTo(/^Use this picture as goal$/);
    await page.keyboard.press("Space");
    await tabTo(/^Heat map/);
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await latentNote(page, /^#1: -?\d/);
    await tabTo(/circle/);
    await page.keyboard.press("ArrowRight");
    await tabTo(/^Steps/);
    await page.keyboard.press("Home");
    await tabTo(/^Imagine from the picture$/);
    await page.keyboard.press("Enter");
    await page.getByRole("img", { name: /straight: 1 steps, ends/ }).waitFor();
    await tabTo(/^Plan from the picture to the goal$/);
    await page.keyboard.press("Enter");
    await page.getByRole("list", { name: "Actions of the plan" }).waitFor();
    // The keyboard is where it was, not at the top of the page.
    await expect
      .poll(() => page.evaluate("document.activeElement.textContent"))
      .toBe("Plan from the picture to the goal");
  });

  test("nothing hinders who cannot see it, with everything shown", async () => {
    expect(await hindrances(page)).toEqual([]);
  });
});
