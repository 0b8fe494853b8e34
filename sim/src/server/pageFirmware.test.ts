import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeAppImage } from "../board/appImage.js";
import { SimulatedBoard } from "../board/board.js";
import { MODEL, testBoard } from "../board/boardSuite.js";
import { button, card, file, hindrances, launchChromium, ON_A_PHONE, PHONE, widthOf } from "../testing/boardPage.js";
import { findChromium } from "../testing/chromium.js";
import { FIRMWARE_VERSION } from "../testing/firmwareVersion.js";
import { shortUpload } from "../testing/shortUpload.js";
import { SkippingClock } from "../testing/skippingClock.js";
import type { BoardServer } from "./listen.js";
import { serveBoard } from "./serveBoard.js";

const executable = findChromium();

/** An answer that says that the board restarts, made of one as long that says that it does not. */
function promising(bytes: Uint8Array): Uint8Array {
  return Buffer.from(Buffer.from(bytes).toString().replace('"rebooting":false', '"rebooting":true '));
}

interface Interruptions {
  /** Nobody reaches the board. */
  silent: boolean;
  /** It falls silent as soon as it has taken a firmware, as a board does that takes its time to restart. */
  silentAfterUpload: boolean;
  /** Unless `at once`, it does not restart by itself, and says that it does (`late`) or not (`never`). */
  restarts: "at once" | "late" | "never";
  /** Bytes of a firmware that reach the board. */
  uploadBytesMax: number;
}

const NONE: Interruptions = {
  silent: false,
  silentAfterUpload: false,
  restarts: "at once",
  uploadBytesMax: Number.POSITIVE_INFINITY,
};

/**
 * A board that can be reached or not, and whose uploads can be held in their middle, so that what happens then can be
 * seen without a race.
 */
function interrupting(board: SimulatedBoard) {
  const seen: Interruptions = { ...NONE };
  const open: SimulatedBoard["open"] = (request, sink) => {
    if (seen.silent) throw new Error("nobody reaches the board");
    if (!request.target.startsWith("/v1/firmware")) return board.open(request, sink);
    const end = (whole: boolean) => {
      seen.silent = seen.silentAfterUpload;
      sink.end(whole);
    };
    const [target, chunk] =
      seen.restarts === "at once"
        ? [request.target, sink.chunk]
        : [
            `${request.target}?reboot=false`,
            (bytes: Uint8Array) => sink.chunk(seen.restarts === "late" ? promising(bytes) : bytes),
          ];
    const opened = board.open({ ...request, target }, { head: sink.head, chunk, end });
    return shortUpload(opened, seen.uploadBytesMax);
  };
  return { seen, board: { open } as SimulatedBoard };
}

describe.skipIf(executable === undefined).each(["native", "wasm"] as const)(
  "the firmware of a %s board on its page",
  (engine) => {
    let board: SimulatedBoard;
    let clock: SkippingClock;
    let interrupted: ReturnType<typeof interrupting>;
    let server: BoardServer;
    let browser: Browser;
    let page: Page;

    beforeAll(async () => {
      clock = new SkippingClock();
      board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine, clock });
      interrupted = interrupting(board);
      server = await serveBoard(interrupted.board, { port: 0 });
      browser = await launchChromium(executable);
      page = await browser.newPage(ON_A_PHONE);
      await page.goto(`${server.url}/#token=${board.ownerToken}`);
    });
    afterEach(() => Object.assign(interrupted.seen, NONE));
    afterAll(async () => {
      await browser?.close();
      await server?.close();
      await board?.close();
    });

    const says = (text: string | RegExp) => card(page, "Firmware").getByText(text).waitFor();
    const trouble = (text: string | RegExp) => page.getByRole("alert").getByText(text).waitFor();
    const upload = (image: Uint8Array) =>
      page.getByLabel("Upload a firmware").setInputFiles(file("firmware.bin", image));
    const focused = () =>
      page.evaluate("document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent");

    test("its owner sees what runs; a visitor is not offered to change it", async () => {
      await says(`synapse ${FIRMWARE_VERSION} runs`);
      await says("confirmed");
      await says("A .bin file for ESP32-P4 rev 1.3, at most 2.5 MiB.");
      expect(await hindrances(page)).toEqual([]);
      const context = await browser.newContext({ viewport: PHONE });
      const visitor = await context.newPage();
      await visitor.goto(server.url);
      await card(visitor, "Board").getByText(`synapse ${FIRMWARE_VERSION}`).waitFor();
      expect(await card(visitor, "Firmware").count()).toBe(0);
      await context.close();
    });

    test("what the board cannot run is refused in its own words", async () => {
      await upload(makeAppImage({ chipId: 9 }));
      await trouble("The image is for chip id 9");
      await trouble("expected an image for the ESP32-P4, chip id 18");
      // Larger than what fits between browser and board: the answer comes while the image is still being sent.
      await upload(makeAppImage({ revisionMin: 300, revisionMax: 399, payloadBytes: 2_500_000 }));
      await trouble("The image is for chip revisions v3.0 to v3.99");
      await trouble(/^expected an image built for revision v1\.3 /);
      const damaged = makeAppImage({ version: "2.0.0" });
      damaged[50_000] = (damaged[50_000] ?? 0) ^ 4;
      await upload(damaged);
      await trouble("Upload failed: checksum does not match");
      await upload(new TextEncoder().encode("no image"));
      await trouble("The file is no application image of ESP-IDF");
      await upload(new Uint8Array(3_000_000));
      await trouble("The firmware has 2.9 MiB, and the board holds at most 2.5 MiB. Nothing was sent.");
      expect(await widthOf(page)).toBeLessThanOrEqual(PHONE.width);
      expect(await hindrances(page)).toEqual([]);
      await says(`synapse ${FIRMWARE_VERSION} runs`);
    });

    test("an upload that was stopped changes nothing, and the keyboard keeps its place", async () => {
      interrupted.seen.uploadBytesMax = 50_000;
      await upload(makeAppImage({ version: "2.0.0" }));
      await page.getByRole("progressbar", { name: "Upload of the firmware" }).waitFor();
      await expect.poll(focused).toBe("Stop the upload");
      await button(page, "Stop the upload").tap();
      await says("the upload was stopped");
      await expect.poll(focused).toBe("Upload a firmware");
      await says(`synapse ${FIRMWARE_VERSION} runs`);
      expect(await page.getByRole("alert").innerText()).toBe("");
    });

    test("the page waits while the board restarts, and says that the new firmware is on trial", async () => {
      interrupted.seen.silentAfterUpload = true;
      await upload(makeAppImage({ version: "2.0.0" }));
      await says("The board restarts with synapse 2.0.0");
      await page.getByRole("status").getByText("restarts with 2.0.0").waitFor();
      // That nobody answers meanwhile is no trouble.
      await page.waitForEvent("requestfailed", (request) => request.url().endsWith("/v1/device"));
      await says("The board restarts with synapse 2.0.0");
      expect(await page.getByRole("alert").innerText()).toBe("");
      expect(await hindrances(page)).toEqual([]);
      interrupted.seen.silent = false;
      await says("synapse 2.0.0 runs");
      await says(/^On trial; confirmed when it stays up for a minute/);
      await card(page, "Board")
        .getByText(/^synapse 2\.0\.0 .* on trial$/)
        .waitFor();
      // The board takes no other one now.
      expect(await page.getByLabel("Upload a firmware").count()).toBe(0);
      expect(await widthOf(page)).toBeLessThanOrEqual(PHONE.width);
      expect(await hindrances(page)).toEqual([]);
    });

    test("it is confirmed after a minute, and its own page can be loaded", async () => {
      clock.skip(61);
      await says("Confirmed: it has stayed up for a minute.");
      await page.getByLabel("Upload a firmware").waitFor();
      await button(page, "Load the page of 2.0.0").tap();
      await button(page, "Load the page of 2.0.0").waitFor({ state: "detached" });
      await says("synapse 2.0.0 runs");
    });

    test("of one that does not stay up the page says that the board returned to the one before", async () => {
      await upload(makeAppImage({ version: "3.0.0" }));
      await says("synapse 3.0.0 runs");
      await board.reset("panic");
      await says("synapse 2.0.0 runs");
      await says("3.0.0 did not stay up for a minute, so the board returned to this one.");
      await says("returned to the one before");
    });

    test("of one that failed before anybody looked, too", async () => {
      interrupted.seen.silentAfterUpload = true;
      await upload(makeAppImage({ version: "4.0.0" }));
      await says("The board restarts with synapse 4.0.0");
      await expect.poll(() => board.running).toBe(true);
      await board.reset("panic");
      await board.reset("power-on");
      interrupted.seen.silent = false;
      await says("synapse 2.0.0 runs");
      await says("As before: 4.0.0 did not start, or did not stay up for a minute.");
    });

    test("a board that still answers before it restarts is not taken for one that has", async () => {
      interrupted.seen.restarts = "late";
      await upload(makeAppImage({ version: "5.0.0" }));
      await says("The board restarts with synapse 5.0.0");
      for (let looks = 0; looks < 2; looks++)
        await page.waitForResponse((response) => response.url().endsWith("/v1/device"));
      await says("The board restarts with synapse 5.0.0");
      await board.reset("software");
      await says("synapse 5.0.0 runs");
      await says(/^On trial/);
      await board.reset("panic");
      await says("5.0.0 did not stay up for a minute, so the board returned to this one.");
    });

    test("of one that waits for the next start the page says so", async () => {
      interrupted.seen.restarts = "never";
      await upload(makeAppImage({ version: "6.0.0" }));
      await says("6.0.0 runs from the next start on");
      await says("synapse 2.0.0 runs");
      await board.reset();
      await says("synapse 6.0.0 runs");
      await says(/^On trial/);
      await board.reset("panic");
      await says("synapse 2.0.0 runs");
    });

    test("power is cut in the middle of an upload: the page says so, and the board comes back with what ran", async () => {
      board.cutPower(9, "torn");
      await upload(makeAppImage({ version: "7.0.0" }));
      await trouble("The connection broke during the upload.");
      await board.reset();
      await page.getByRole("status").getByText("ESP32-P4").waitFor();
      await says("synapse 2.0.0 runs");
      await upload(makeAppImage({ version: "7.0.0" }));
      await says("synapse 7.0.0 runs");
    });
  },
);

describe.skipIf(executable === undefined)("the page of a board that is updated over its serial port only", () => {
  test("offers its owner no upload of a firmware", async () => {
    const edited = testBoard((all) => {
      all.partitions = all.partitions.filter(({ subtype }) => subtype !== "ota");
    });
    const board = await SimulatedBoard.create({ board: edited, model: MODEL });
    const server = await serveBoard(board, { port: 0 });
    const browser = await launchChromium(executable);
    try {
      const page = await browser.newPage(ON_A_PHONE);
      await page.goto(`${server.url}/#token=${board.ownerToken}`);
      await card(page, "Settings").getByLabel("Board name").waitFor();
      await card(page, "Board").getByText(`synapse ${FIRMWARE_VERSION}`).waitFor();
      expect(await card(page, "Firmware").count()).toBe(0);
    } finally {
      await browser.close();
      await server.close();
      await board.close();
    }
  });
});
