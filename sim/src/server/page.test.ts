import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SimulatedBoard } from "../board/board.js";
import { MODEL, testBoard } from "../board/boardSuite.js";
import { button, card, complaintsOf, file, hindrances, launchChromium, ON_A_PHONE, PHONE, widthOf } from "../testing/boardPage.js";
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
    await page.goto(server.url);
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
      const { width, height, ...rest } = { width: (canvas as any).width, height: (canvas as any).height, canvas: canvas as any };
      const data: Uint8ClampedArray = rest.canvas.getContext("2d").getImageData(0, 0, width, height).data;
      const seen = new Set<number>();
      for (let i = 0; i < data.length; i += 4) seen.add(((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0));
      return seen.size;
    });
    expect(colours).toBeGreaterThan(10);
    // A picture stored lying on its side is shown standing.
    const picture = card(page, "Picture").getByRole("img", { name: "rocket-portrait.jpg" });
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    const [width, height] = await picture.evaluate((img: any): [number, number] => [img.naturalWidth, img.naturalHeight]);
    expect(height).toBeGreaterThan(width);
  });

  test("the sample moves the latent, and surprises by so much", async () => {
    await button(page, "Example picture").tap();
    await latentNote(page, /^\d+\.\d\d away from the one before$/);
    await card(page, "Surprise").getByText(/^\d/).first().waitFor();
    await button(page, "Example picture").tap();
    await page.getByRole("img", { name: /^Surprise of the last 2 pictures: [\d.]+, [\d.]+\. Mean [\d.]+\.$/ }).waitFor();
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
    await page.getByRole("img", { name: /circle: 16 steps, ends [\d.]+ from the start; straight: 9 steps, ends/ }).waitFor();
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
      .getByRole("img", { name: /^Path of 3 imagined steps from the start, and the goal\. It ends [\d.]+ from the goal\.$/ })
      .waitFor();
    expect(await page.getByRole("list", { name: "Actions of the plan" }).getByRole("img").count()).toBe(3);
    await page.getByRole("img", { name: /^Cost of the best candidate, round by round: [\d.]+, [\d.]+, [\d.]+\.$/ }).waitFor();
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
      Number(/last (\d+)/.exec((await page.getByRole("img", { name: /^Surprise of the last/ }).getAttribute("aria-label")) ?? "")?.[1]);
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
      "Object.defineProperty(document, 'hidden', { value: true, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))",
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

/** A board whose answers and uploads can be held in their middle, so that what happens then can be seen without a race. */
function holding(board: SimulatedBoard) {
  const seen: Held = { planEnded: () => undefined, ranges: [], uploadBytesMax: Number.POSITIVE_INFINITY, holdPlans: false };
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
    expect(held.seen.ranges).toEqual(["", expect.stringMatching(new RegExp(`^bytes [1-9]\\d*-${MODEL.length - 1}/${MODEL.length}$`))]);
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
          "(() => { const e = document.activeElement; return e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent ?? ''; })()",
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
    await expect.poll(() => page.evaluate("document.activeElement.textContent")).toBe("Plan from the picture to the goal");
  });

  test("nothing hinders who cannot see it, with everything shown", async () => {
    expect(await hindrances(page)).toEqual([]);
  });
});

describe.skipIf(executable === undefined)("the page of a board whose slots differ", () => {
  test("says that its model cannot be updated in place", async () => {
    const small = testBoard((edited) => {
      for (const partition of edited.partitions) if (partition.name === "model_b") partition.size = 65536;
    });
    const board = await SimulatedBoard.create({ board: small, model: MODEL });
    const server = await serveBoard(board, { port: 0 });
    const browser = await launchChromium(executable);
    try {
      const page = await browser.newPage(ON_A_PHONE);
      await page.goto(server.url);
      await card(page, "Models").getByText("lewm-test fits only model_a: cannot be updated in place").waitFor();
      await card(page, "Models").getByText("Largest model here: 64 KiB").waitFor();
    } finally {
      await browser.close();
      await server.close();
      await board.close();
    }
  });
});

describe.skipIf(executable === undefined).each(["native", "wasm"] as const)("the page of a %s board from the factory", (engine) => {
  let board: SimulatedBoard;
  let server: BoardServer;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine, access: "unclaimed" });
    server = await serveBoard(board, { port: 0 });
    browser = await launchChromium(executable);
    page = await browser.newPage(ON_A_PHONE);
    complaints = complaintsOf(page);
    await page.goto(server.url);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await board?.close();
  });

  const trouble = (text: RegExp | string) => page.getByRole("alert").getByText(text).waitFor();

  test("is claimed with one tap, shows the token once, and works then", async () => {
    await page.getByRole("heading", { name: "Claim this board" }).waitFor();
    expect(await button(page, "Example picture").count()).toBe(0);
    expect(await hindrances(page)).toEqual([]);
    await page.getByLabel("Board name").fill("kitchen shelf");
    await button(page, "Claim").tap();
    const token = await page.getByText(/^[A-Za-z0-9_-]{43}$/).innerText();
    expect(await hindrances(page)).toEqual([]);
    await button(page, "Copy the token").tap();
    await page.getByText("copied").waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download it" }).tap()]);
    expect(download.suggestedFilename()).toBe("kitchen-shelf-token.txt");
    expect(readFileSync(await download.path(), "utf8")).toBe(`${token}\n`);
    await button(page, "I've saved it").tap();
    await page.getByRole("heading", { name: "kitchen shelf" }).waitFor();
    expect(await page.getByText(/^[A-Za-z0-9_-]{43}$/).count()).toBe(0);
    await page.getByText("Show the owner’s token").tap();
    expect(await page.getByText(/^[A-Za-z0-9_-]{43}$/).innerText()).toBe(token);
    await button(page, "Copy the token").waitFor();
    await page.getByText("Show the owner’s token").tap();
    await button(page, "Example picture").tap();
    await latentNote(page, /^32 values/);
    expect(await widthOf(page)).toBeLessThanOrEqual(PHONE.width);
    expect(complaints).toEqual([]);
  });

  test("another browser is asked for the token", async () => {
    const token = String(await page.evaluate("localStorage.getItem('synapse-token')"));
    const context = await browser.newContext({ viewport: PHONE });
    const stranger = await context.newPage();
    await stranger.goto(server.url);
    await stranger.getByText("This board has an owner").waitFor();
    await stranger.getByLabel("Token").fill("guess");
    await button(stranger, "Use this token").click();
    await stranger.getByRole("alert").getByText("not this board’s token").waitFor();
    await stranger.getByLabel("Token").fill(token);
    await button(stranger, "Use this token").click();
    await card(stranger, "Board").getByText("lewm-test").waitFor();
    await context.close();
    const friend = await browser.newContext({ viewport: PHONE });
    const linked = await friend.newPage();
    await linked.goto(`${server.url}/#token=${token}`);
    await card(linked, "Board").getByText("lewm-test").waitFor();
    expect(linked.url()).not.toContain("token");
    await friend.close();
  });

  test("the owner renames the board and opens it; a visitor may then look, and is asked for the token where it is needed", async () => {
    const settings = card(page, "Settings");
    await settings.getByLabel("Board name").fill("cellar");
    await settings.getByRole("switch", { name: /Public status/ }).tap();
    await button(page, "Save").tap();
    await settings.getByText("saved").waitFor();
    await page.getByRole("heading", { name: "cellar" }).waitFor();
    const context = await browser.newContext({ viewport: PHONE });
    const visitor = await context.newPage();
    await visitor.goto(server.url);
    await card(visitor, "Board").getByText("lewm-test").waitFor();
    for (const [name, what] of [
      ["Picture", "Sending pictures to the board"],
      ["Imagine", "Imagining"],
      ["Plan", "Planning"],
      ["Models", "Uploading and switching models"],
      ["Settings", "Changing settings"],
    ] as const) {
      await card(visitor, name).getByText(`${what} is locked: only the board’s owner can do this.`).waitFor();
      expect(await card(visitor, name).getByRole("button").allInnerTexts()).toEqual(["Unlock with the owner’s token"]);
    }
    expect(await button(visitor, "Example picture").count()).toBe(0);
    expect(await hindrances(visitor)).toEqual([]);
    await card(visitor, "Picture").getByRole("button", { name: "Unlock with the owner’s token" }).click();
    await visitor.getByLabel("Token").fill(String(await page.evaluate("localStorage.getItem('synapse-token')")));
    await button(visitor, "Use this token").click();
    await card(visitor, "Settings").getByLabel("Board name").waitFor();
    await button(visitor, "Example picture").click();
    await latentNote(visitor, /^32 values/);
    await context.close();
  });

  test("what each slot holds is said before an upload, and what is too large is not sent", async () => {
    const models = card(page, "Models");
    await models.getByRole("listitem").filter({ hasText: "model_a runs lewm-test" }).getByText("Largest model here: 18.3 MiB").waitFor();
    await models.getByRole("listitem").filter({ hasText: "model_b is empty" }).getByText("Largest model here: 8.6 MiB").waitFor();
    await models.getByText("lewm-test fits both slots").waitFor();
    let uploads = 0;
    const count = (request: { method(): string }) => {
      if (request.method() === "PUT") uploads += 1;
    };
    page.on("request", count);
    await page.getByLabel("Upload a model to model_b").setInputFiles(file("large.syn", new Uint8Array(9_100_000)));
    await trouble("The model has 8.7 MiB, and model_b holds at most 8.6 MiB. Nothing was sent.");
    await trouble("it would fit model_a");
    // By a single byte.
    await page.getByLabel("Upload a model to model_b").setInputFiles(file("large.syn", new Uint8Array(9_043_969)));
    await trouble("The model has 9,043,969 bytes, and model_b holds at most 9,043,968 bytes. Nothing was sent.");
    expect(uploads).toBe(0);
    page.off("request", count);
  });

  test("a broken model is refused in words, a good one is uploaded and run", async () => {
    const damaged = Uint8Array.from(MODEL);
    damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
    await page.getByLabel("Upload a model to model_b").setInputFiles(file("damaged.syn", damaged));
    await trouble("Upload failed: checksum does not match");
    await page.getByLabel("Upload a model to model_b").setInputFiles(file("good.syn", MODEL));
    await button(page, "Run it from model_b").tap();
    const models = card(page, "Models");
    await models.getByText(/^runs lewm-test, which passed its \d+ tests?$/).waitFor();
    await models.getByRole("listitem").filter({ hasText: "model_b runs lewm-test" }).waitFor();
  });

  test("power is cut in the middle of an upload: the page says so, and the board comes back", async () => {
    board.cutPower(15, "torn");
    await page.getByLabel("Upload a model to model_a").setInputFiles(file("good.syn", MODEL));
    await trouble(/connection broke/);
    expect(board.running).toBe(false);
    await board.reset();
    await button(page, "Example picture").tap();
    await latentNote(page, /away from the one before/);
    await card(page, "Models").getByRole("listitem").filter({ hasText: "model_a cannot be used" }).waitFor();
    await page.getByLabel("Upload a model to model_a").setInputFiles(file("good.syn", MODEL));
    await button(page, "Run it from model_a").waitFor();
  });

  test("a board that lost its power is silent, and says so", async () => {
    board.cutPower(1, "torn");
    await page.getByLabel("Upload a model to model_a").setInputFiles(file("good.syn", MODEL));
    await trouble(/connection broke/);
    await page.getByRole("region", { name: "Connection" }).getByText("The board does not answer.").waitFor();
    await page.getByRole("status").getByText("The board does not answer.").waitFor();
    expect(await button(page, "Example picture").isDisabled()).toBe(true);
    await board.reset();
    await button(page, "Example picture").tap();
    await latentNote(page, /away from the one before/);
  });

  test("the owner gives the board away, and it is nobody's again", async () => {
    await page.getByText("Remove owner").tap();
    await button(page, "Remove me as owner").tap();
    await page.getByRole("heading", { name: "Claim this board" }).waitFor();
    expect(await page.evaluate("localStorage.getItem('synapse-token')")).toBeNull();
    expect(await button(page, "Example picture").count()).toBe(0);
  });
});
