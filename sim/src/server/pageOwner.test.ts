import { readFileSync } from "node:fs";
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
import type { BoardServer } from "./listen.js";
import { serveBoard } from "./serveBoard.js";

const executable = findChromium();

const latentNote = (page: Page, text: RegExp) => card(page, "Latent").getByText(text).waitFor();

describe.skipIf(executable === undefined)("the page of a board whose slots differ", () => {
  test("says that its model cannot be updated in place, and that its broker is not reached", async () => {
    const small = testBoard((edited) => {
      for (const partition of edited.partitions) if (partition.name === "model_b") partition.size = 65536;
    });
    const board = await SimulatedBoard.create({ board: small, model: MODEL });
    for (let i = 0; i < 2; i++) board.mqttFailed("connection refused");
    const server = await serveBoard(board, { port: 0 });
    const browser = await launchChromium(executable);
    try {
      const page = await browser.newPage(ON_A_PHONE);
      await page.goto(server.url);
      await card(page, "Models").getByText("lewm-test fits only model_a: cannot be updated in place").waitFor();
      await card(page, "Models").getByText("Largest model here: 64 KiB").waitFor();
      await page.getByText("broker not reached (2 failures): connection refused").waitFor();
    } finally {
      await browser.close();
      await server.close();
      await board.close();
    }
  });
});

describe.skipIf(executable === undefined).each(["native", "wasm"] as const)(
  "the page of a %s board from the factory",
  (engine) => {
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
      // Nothing but this page has the token, also when the board is gone.
      await page.route("**/v1/**", (route) => route.abort());
      await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
      await page.getByText("The board does not answer.").first().waitFor();
      await button(page, "Copy the token").tap();
      await page.getByText("copied").waitFor();
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("link", { name: "Download it" }).tap(),
      ]);
      expect(download.suggestedFilename()).toBe("kitchen-shelf-token.txt");
      expect(readFileSync(await download.path(), "utf8")).toBe(`${token}\n`);
      await page.unroute("**/v1/**");
      await button(page, "Try now").tap();
      await button(page, "Try now").waitFor({ state: "detached" });
      // The browser's own words about what it could not load.
      expect(complaints.splice(0).filter((text) => !text.includes("net::ERR_FAILED"))).toEqual([]);
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
        expect(await card(visitor, name).getByRole("button").allInnerTexts()).toEqual([
          "Unlock with the owner’s token",
        ]);
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
      await models
        .getByRole("listitem")
        .filter({ hasText: "model_a runs lewm-test" })
        .getByText("Largest model here: 18.3 MiB")
        .waitFor();
      await models
        .getByRole("listitem")
        .filter({ hasText: "model_b is empty" })
        .getByText("Largest model here: 8.6 MiB")
        .waitFor();
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

    /** Where a pack keeps its digest (docs/format.md). */
    const DIGEST_BEGIN = 32;
    /** What the slot does not hold: of a model that is there already nothing is sent. */
    const other = Uint8Array.from(MODEL);
    other[DIGEST_BEGIN] = (other[DIGEST_BEGIN] ?? 0) ^ 1;

    test("a model that is there already is not sent again", async () => {
      const operations = board.flashOperations;
      await page.getByLabel("Upload a model to model_a").setInputFiles(file("same.syn", MODEL));
      await card(page, "Models").getByText("model_a holds same.syn").waitFor();
      expect(board.flashOperations).toBe(operations);
    });

    test("power is cut in the middle of an upload: the page says so, and the board comes back", async () => {
      board.cutPower(15, "torn");
      await page.getByLabel("Upload a model to model_a").setInputFiles(file("other.syn", other));
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
      await page.getByLabel("Upload a model to model_a").setInputFiles(file("other.syn", other));
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
  },
);

describe.skipIf(executable === undefined)("the page in a browser that keeps another board's token", () => {
  test("says so, locks what is the owner's, and is unlocked by the right token", async () => {
    const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    const server = await serveBoard(board, { port: 0 });
    const browser = await launchChromium(executable);
    try {
      const page = await browser.newPage(ON_A_PHONE);
      await page.goto(`${server.url}/#token=of-another-board`);
      await page.getByRole("alert").getByText("This browser’s token is not this board’s.").waitFor();
      await card(page, "Settings").getByText("Changing settings is locked").waitFor();
      await card(page, "Models").getByText("Uploading and switching models is locked").waitFor();
      // The model is open to everybody.
      await button(page, "Example picture").tap();
      await latentNote(page, /^32 values/);
      await card(page, "Models").getByRole("button", { name: "Unlock with the owner’s token" }).tap();
      await page.getByLabel("Token").fill(board.ownerToken ?? "");
      await button(page, "Use this token").tap();
      await card(page, "Settings").getByLabel("Board name").waitFor();
    } finally {
      await browser.close();
      await server.close();
      await board.close();
    }
  });
});

describe.skipIf(executable === undefined)("the page of a board that others use", () => {
  test("lets visitors plan with what the owner leaves them, and the owner end what they asked for", async () => {
    const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    const server = await serveBoard(board, { port: 0 });
    const browser = await launchChromium(executable);
    try {
      const visit = async (address: string) => {
        const page = await (await browser.newContext(ON_A_PHONE)).newPage();
        await page.route("**/v1/device", async (route) => {
          const response = await route.fetch();
          const device = (await response.json()) as { queue: object };
          Object.assign(device.queue, { in_progress: 2 });
          await route.fulfill({ response, json: device });
        });
        await page.goto(address);
        await card(page, "Plan").getByText("Budget").tap();
        await card(page, "Plan").getByLabel("Candidates").fill("300");
        await card(page, "Plan").getByLabel("Rounds").fill("30");
        return page;
      };
      const visitor = await visit(server.url);
      await card(visitor, "Plan").getByText("At most 1,968 predictions in all.").waitFor();
      await card(visitor, "Plan").getByText("1,950 predictions").waitFor();
      expect(await button(visitor, "Stop the requests of others").count()).toBe(0);
      const owner = await visit(`${server.url}/#token=${board.ownerToken}`);
      await card(owner, "Plan").getByText("45,000 predictions").first().waitFor();
      await button(owner, "Stop the requests of others").tap();
      await card(owner, "Board").getByText("0 requests of others stopped").waitFor();
    } finally {
      await browser.close();
      await server.close();
      await board.close();
    }
  });
});

describe.skipIf(executable === undefined)("the page of a model whose actions have units and bounds", () => {
  test("says them, and imagines within them", async () => {
    const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    const server = await serveBoard(board, { port: 0 });
    const browser = await launchChromium(executable);
    try {
      const page = await browser.newPage(ON_A_PHONE);
      const actions = { units: "pixels", bounds: { min: [-5, 0], max: [5, 512] } };
      await page.route("**/v1/device", async (route) => {
        const response = await route.fetch();
        const device = (await response.json()) as { slots: object[] };
        Object.assign(device.slots[0] ?? {}, { actions });
        await route.fulfill({ response, json: device });
      });
      const sent: number[][] = [];
      page.on("request", (request) => {
        if (request.url().endsWith("/v1/rollout"))
          sent.push(...(request.postDataJSON() as { actions: number[][] }).actions);
      });
      await page.goto(server.url);
      await card(page, "Imagine")
        .getByText("Each of an action’s 10 values: -5 to 5 and 0 to 512, in pixels.")
        .waitFor();
      await button(page, "Example picture").tap();
      await latentNote(page, /^32 values/);
      for (const name of ["circle", "random"]) {
        await page.getByRole("radio", { name }).tap();
        await button(page, "Imagine from the picture").tap();
        await page.getByRole("img", { name: name === "circle" ? /^Paths of 1/ : /^Paths of 2/ }).waitFor();
      }
      expect(sent).toHaveLength(32);
      const outside = sent
        .flat()
        .filter((value, i) => value < (i % 2 === 0 ? -5 : 0) || value > (i % 2 === 0 ? 5 : 512));
      expect(outside).toEqual([]);
      expect(await widthOf(page)).toBeLessThanOrEqual(PHONE.width);
    } finally {
      await browser.close();
      await server.close();
      await board.close();
    }
  });
});
