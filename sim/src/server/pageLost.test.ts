import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SimulatedBoard } from "../board/board.js";
import { MODEL, testBoard } from "../board/boardSuite.js";
import { button, card, hindrances, launchChromium, ON_A_PHONE, PHONE, widthOf } from "../testing/boardPage.js";
import { findChromium } from "../testing/chromium.js";
import type { BoardServer } from "./listen.js";
import { serveBoard } from "./serveBoard.js";

const executable = findChromium();
/** By which answers name the model (docs/format.md). */
const SHA256 = Buffer.from(MODEL.subarray(32, 64)).toString("hex");

interface Away {
  /** Nobody reaches the board. */
  silent: boolean;
  /** Requests for this path are taken and never answered. */
  held: string;
  /** In answers of routes that begin so, the board names another model than the one that it was given. */
  otherModel: string | null;
}

/** An answer of a board that runs another model, made of one as long. */
function ofOtherModel(bytes: Uint8Array): Uint8Array {
  return Buffer.from(Buffer.from(bytes).toString("latin1").replaceAll(SHA256, "f".repeat(64)), "latin1");
}

/** A board that can be taken away, or asked without an end. */
function away(board: SimulatedBoard) {
  const seen: Away = { silent: false, held: "", otherModel: null };
  const open: SimulatedBoard["open"] = (request, sink) => {
    if (seen.silent) throw new Error("nobody reaches the board");
    if (seen.otherModel !== null && request.target.startsWith(seen.otherModel))
      return board.open(request, { ...sink, chunk: (bytes) => sink.chunk(ofOtherModel(bytes)) });
    if (request.target !== seen.held) return board.open(request, sink);
    return { write: () => undefined, end: () => undefined, close: () => undefined };
  };
  return { seen, board: { open } as SimulatedBoard };
}

/** What the page sent as the body of `path`, one after the other. */
function bodiesOf(page: Page, path: string): unknown[] {
  const bodies: unknown[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith(path)) bodies.push(request.postDataJSON());
  });
  return bodies;
}

/**
 * Which picture was beside which latent after every change of the page, as soon as the change was made, and while no
 * other picture was with the board.
 */
async function changesOf(page: Page): Promise<() => Promise<string[][]>> {
  const pairs = await page.evaluateHandle<string[][]>(`(() => {
    const pairs = [];
    new MutationObserver(() => {
      if (document.querySelector(".pending") !== null) return;
      const picture = document.querySelector(".picture > img").getAttribute("src");
      pairs.push([picture, document.querySelector("canvas").toDataURL()]);
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    return pairs;
  })()`);
  return () => pairs.jsonValue();
}

describe.skipIf(executable === undefined)("the page of a board that goes away", () => {
  let board: SimulatedBoard;
  let link: ReturnType<typeof away>;
  let server: BoardServer;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    link = away(board);
    server = await serveBoard(link.board, { port: 0 });
    browser = await launchChromium(executable);
    page = await browser.newPage(ON_A_PHONE);
    await page.goto(`${server.url}/#token=${board.ownerToken}`);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await board?.close();
  });

  const banner = () => page.getByRole("region", { name: "Connection" });
  const shownPicture = () => card(page, "Picture").locator(".picture > img").getAttribute("src");
  const latent = () =>
    page.getByRole("img", { name: /^Heat map of 32 values/ }).evaluate((canvas) => canvas.toDataURL());
  const pending = () => card(page, "Picture").getByRole("img", { name: "Not seen by the board yet: example picture" });

  test("a picture that is being encoded is shown apart from the one that the latent is of", async () => {
    await button(page, "Example picture").tap();
    await card(page, "Latent")
      .getByText(/^32 values/)
      .waitFor();
    const before = [await shownPicture(), await latent()];
    link.seen.held = "/v1/encode";
    await button(page, "Example picture").tap();
    await pending().waitFor();
    await card(page, "Picture").getByText("The board is encoding this one…").waitFor();
    expect([await shownPicture(), await latent()]).toEqual(before);
    for (const name of ["Use this picture as goal", "Imagine from the picture", "Plan from the picture to the goal"])
      expect(await button(page, name).isDisabled()).toBe(true);
    link.seen.held = "";
    const shown = await changesOf(page);
    await button(page, "Example picture").tap();
    await pending().waitFor({ state: "detached" });
    const after = [await shownPicture(), await latent()];
    expect(after[0]).not.toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
    // From the first instant on, the picture is there with its own latent.
    expect(new Set((await shown()).map((pair) => pair.join(" ")))).toEqual(new Set([after.join(" ")]));
  });

  test("gone, it is said since when, nothing can be pressed, and the picture and its latent stay together", async () => {
    const before = [await shownPicture(), await latent()];
    link.seen.silent = true;
    await button(page, "Example picture").tap();
    await banner().getByText("The board does not answer.").waitFor();
    await banner()
      .getByText(/Last seen \d+ seconds? ago\. Trying again/)
      .waitFor();
    await card(page, "Picture").getByText("The board has not seen this one.").waitFor();
    expect([await shownPicture(), await latent()]).toEqual(before);
    const enabled = await page
      .locator("button:enabled, input:enabled")
      .evaluateAll((all) => all.map((one) => one.textContent));
    expect(enabled).toEqual(["Try now"]);
    await page.getByText("Show the owner’s token").tap();
    expect(await button(page, "Copy the token").isEnabled()).toBe(true);
    await page.getByText("Show the owner’s token").tap();
    expect(await hindrances(page)).toEqual([]);
    expect(await widthOf(page)).toBeLessThanOrEqual(PHONE.width);
  });

  test("back, the banner goes, what it says now is shown, and the picture can be sent again", async () => {
    await board.handle({
      method: "PUT",
      target: "/v1/settings",
      headers: { authorization: `Bearer ${board.ownerToken}`, "content-type": "application/json" },
      body: new TextEncoder().encode('{"name":"moved to the attic"}'),
    });
    link.seen.silent = false;
    await button(page, "Try now").tap();
    await banner().waitFor({ state: "detached" });
    await page.getByRole("heading", { name: "moved to the attic" }).waitFor();
    await expect.poll(() => page.getByLabel("Board name").inputValue()).toBe("moved to the attic");
    await button(page, "Send it again").tap();
    await pending().waitFor({ state: "detached" });
    await expect.poll(() => button(page, "Imagine from the picture").isEnabled()).toBe(true);
  });

  test("a board that takes requests and never answers is gone too, until it does", async () => {
    link.seen.held = "/v1/device";
    await banner().getByText("The board does not answer.").waitFor({ timeout: 60_000 });
    link.seen.held = "";
    // It is looked for by itself.
    await banner().waitFor({ state: "detached" });
  });

  test("the goal, paths and plans are of the picture that is shown", async () => {
    const rollouts = bodiesOf(page, "/v1/rollout") as { start: { latent: number[] } }[];
    const plans = bodiesOf(page, "/v1/plan") as { start: { latent: number[] }; goal: { latent: number[] } }[];
    await button(page, "Imagine from the picture").tap();
    await page.getByRole("img", { name: /^Paths of 1 imagined sequence/ }).waitFor();
    await button(page, "Use this picture as goal").tap();
    link.seen.silent = true;
    await button(page, "Example picture").tap();
    await banner().waitFor();
    link.seen.silent = false;
    await button(page, "Try now").tap();
    await banner().waitFor({ state: "detached" });
    // The picture that the board has not seen is no start.
    expect(await button(page, "Plan from the picture to the goal").isDisabled()).toBe(true);
    await button(page, "Send it again").tap();
    await pending().waitFor({ state: "detached" });
    await button(page, "Imagine from the picture").tap();
    await page.getByRole("img", { name: /^Paths of 1 imagined sequence/ }).waitFor();
    await button(page, "Plan from the picture to the goal").tap();
    await page.getByRole("list", { name: "Actions of the plan" }).waitFor();
    expect(rollouts[1]?.start.latent).not.toEqual(rollouts[0]?.start.latent);
    expect(plans[0]?.goal.latent).toEqual(rollouts[0]?.start.latent);
    expect(plans[0]?.start.latent).toEqual(rollouts[1]?.start.latent);
  });

  test("what one model saw is not gone on from with another", async () => {
    // No look tells of the change before the answer does.
    link.seen.otherModel = "/v1/rollout";
    await button(page, "Imagine from the picture").tap();
    await page.getByRole("alert").getByText("The board runs another model now.").waitFor();
    expect(await page.getByRole("img", { name: /^Paths of 2/ }).count()).toBe(0);
    link.seen.otherModel = "/v1/";
    await card(page, "Latent").getByText("What the model sees in the picture appears here.").waitFor();
    expect(await card(page, "Picture").getByRole("img").count()).toBe(0);
    expect(await card(page, "Plan").getByRole("img").count()).toBe(0);
    expect(await button(page, "Imagine from the picture").isDisabled()).toBe(true);
    await button(page, "Example picture").tap();
    await card(page, "Latent")
      .getByText(/^32 values/)
      .waitFor();
    await button(page, "Imagine from the picture").tap();
    await page.getByRole("img", { name: /^Paths of 1 imagined sequence/ }).waitFor();
  });
});
