import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SimulatedBoard } from "../board/board.js";
import { MODEL, testBoard } from "../board/boardSuite.js";
import { button, card, file, hindrances, launchChromium, ON_A_PHONE, PHONE, widthOf } from "../testing/boardPage.js";
import { findChromium } from "../testing/chromium.js";
import { keyId, newUpdateKey, pointOf, signedByHand } from "../testing/updateKeys.js";
import type { BoardServer } from "./listen.js";
import { serveBoard } from "./serveBoard.js";

const executable = findChromium();

describe.skipIf(executable === undefined).each(["native", "wasm"] as const)(
  "the models of a %s board with update keys",
  (engine) => {
    const trusted = newUpdateKey();
    const stranger = newUpdateKey();
    let board: SimulatedBoard;
    let server: BoardServer;
    let browser: Browser;
    let page: Page;

    beforeAll(async () => {
      board = await SimulatedBoard.create({
        board: testBoard(),
        model: MODEL,
        engine,
        updateKeys: [pointOf(trusted.publicKey)],
      });
      server = await serveBoard(board, { port: 0 });
      browser = await launchChromium(executable);
      page = await browser.newPage(ON_A_PHONE);
      await page.goto(`${server.url}/#token=${board.ownerToken}`);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.close();
      await board?.close();
    });

    const trouble = (text: string | RegExp) => page.getByRole("alert").getByText(text).waitFor();
    const upload = (model: Uint8Array) =>
      page.getByLabel("Upload a model to model_b").setInputFiles(file("model.syn", model));
    const slot = (text: string | RegExp) =>
      card(page, "Models").getByRole("listitem").filter({ hasText: text }).waitFor();

    test("the page says whose models the board takes, and that the one from the factory is not signed", async () => {
      await card(page, "Models")
        .getByText(`Takes only models signed by its update key: ${keyId(trusted.publicKey).slice(0, 12)}…`)
        .waitFor();
      await slot(/^model_a runs lewm-test.* · not signed · /);
    });

    test("a model that nobody signed is refused in words", async () => {
      await upload(MODEL);
      await trouble("The pack is not signed");
      await trouble("expected a pack signed for this board: synapse-host sign");
      await slot("model_b is empty");
    });

    test("so is one that somebody else signed, by the names of both keys, and one whose signature is wrong", async () => {
      await upload(signedByHand(MODEL, stranger));
      await trouble(`The pack is signed by key ${keyId(stranger.publicKey)}, which this board does not trust`);
      await trouble(`expected a signature by key ${keyId(trusted.publicKey)}`);
      expect(await widthOf(page)).toBeLessThanOrEqual(PHONE.width);
      expect(await hindrances(page)).toEqual([]);
      await upload(signedByHand(MODEL, { ...trusted, privateKey: stranger.privateKey }));
      await trouble("The signature is not one of this pack by the key that it names");
      await slot(/^model_b cannot be used\s*it is not signed by one of the board's update keys/);
    });

    test("a signed one is shown as such and runs; there is no way back to the one that is not", async () => {
      await upload(signedByHand(MODEL, trusted));
      await button(page, "Run it from model_b").tap();
      await slot(/^model_b runs lewm-test.* · signed · /);
      await button(page, "Run it from model_a").tap();
      await trouble("The model in model_a is not signed");
      await trouble("slot: expected an upload of a signed pack to the slot first");
      await slot(/^model_b runs lewm-test/);
      expect(await hindrances(page)).toEqual([]);
    });
  },
);

describe.skipIf(executable === undefined)("the models of a board without update keys", () => {
  test("are not said to be signed or not", async () => {
    const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL });
    const server = await serveBoard(board, { port: 0 });
    const browser = await launchChromium(executable);
    try {
      const page = await browser.newPage(ON_A_PHONE);
      await page.goto(server.url);
      await card(page, "Models").getByText("model_a").waitFor();
      expect(await card(page, "Models").innerText()).not.toContain("signed");
    } finally {
      await browser.close();
      await server.close();
      await board.close();
    }
  });
});
