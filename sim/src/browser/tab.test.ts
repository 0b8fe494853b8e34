import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { SimulatedBoard } from "../board/board.js";
import { answersSuite, jsonOf, LATENT, MODEL, sample, testBoard } from "../board/boardSuite.js";
import { pictureSuite } from "../board/pictureSuite.js";
import type { BoardRequest, BoardResponse } from "../board/virtualBoard.js";
import type { BoardServer } from "../server/listen.js";
import { findChromium } from "../testing/chromium.js";
import { serveTab } from "./serveTab.js";

const executable = findChromium();
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** Asks the board in a page's tab as the page does. The page's `board` is its transport. */
async function ask(page: Page, { method, target, headers, body }: BoardRequest): Promise<BoardResponse> {
  const answer = await page.evaluate(
    `(async ([target, method, headers, body]) => {
      const bytes = body === null ? undefined : Uint8Array.from(atob(body), (c) => c.charCodeAt(0));
      const answer = await board(target, { method, headers, body: bytes });
      const url = await new Promise(async (resolve) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result);
        reader.readAsDataURL(await answer.blob());
      });
      const [, text] = url.split(",");
      return { status: answer.status, headers: Object.fromEntries(answer.headers), body: text };
    })(${JSON.stringify([target, method, headers ?? {}, body === undefined ? null : base64(body)])})`,
  );
  const {
    status,
    headers: given,
    body: text,
  } = answer as { status: number; headers: Record<string, string>; body: string };
  return { status, headers: given, body: Uint8Array.from(Buffer.from(text, "base64")) };
}

/** What the board's page calls its parts. */
const card = (page: Page, name: string) => page.getByRole("region", { name, exact: true });
const onPage = {
  boardRuns: (page: Page, model: string) => card(page, "Board").getByText(model).waitFor(),
  sample: (page: Page) => page.getByRole("button", { name: "Example picture" }).click(),
  latentShown: (page: Page) =>
    card(page, "Latent")
      .getByText(/^32 values, length \d/)
      .waitFor(),
  imagine: async (page: Page) => {
    await page.getByRole("button", { name: "Imagine from the picture" }).click();
    await page.getByRole("img", { name: /ends/ }).waitFor();
  },
  upload: (page: Page, slot: string, buffer: Buffer) =>
    page
      .getByLabel(`Upload a model to ${slot}`)
      .setInputFiles({ name: "good.syn", mimeType: "application/octet-stream", buffer }),
  run: (page: Page, slot: string) => page.getByRole("button", { name: `Run it from ${slot}` }).click(),
  slotRuns: (page: Page, slot: string, model: string) =>
    card(page, "Models")
      .getByRole("listitem")
      .filter({ hasText: `${slot} runs ${model}` })
      .waitFor(),
};

describe.skipIf(executable === undefined)("a board in a browser's tab", () => {
  let server: BoardServer;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  const complaints: string[] = [];
  const requests: string[] = [];

  beforeAll(async () => {
    server = await serveTab({ board: testBoard(), model: MODEL, modelSource: "lewm-test.syn", port: 0 });
    browser = await chromium.launch({ executablePath: executable as string, args: ["--no-sandbox"] });
    context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    context.on("request", (request) => {
      if (!request.url().startsWith("blob:")) requests.push(request.url());
    });
    page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    await page.goto(server.url);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const answering = async () => ({ handle: (request: BoardRequest) => ask(page, request), close: async () => {} });
  answersSuite("wasm", answering);
  pictureSuite(answering);

  describe("with a lossless picture, many times as large as the model's", () => {
    let request: BoardRequest;
    let native: unknown;

    beforeAll(async () => {
      const png = await sharp(sample("cat.jpg")).png().toBuffer();
      request = {
        method: "POST",
        target: "/v1/encode?latent=base64",
        headers: { "content-type": "image/png" },
        body: png,
      };
      const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine: "native" });
      native = jsonOf(await board.handle(request)).latent;
      await board.close();
    });

    const latent = async (): Promise<unknown> => jsonOf(await ask(page, request)).latent;

    test("the latent is the native board's, bit for bit", async () => {
      expect(Buffer.from(String(native), "base64")).toHaveLength(LATENT * 4);
      expect(await latent()).toBe(native);
    });

    test("without a network the page loads again and encodes the same", async () => {
      await page.evaluate("navigator.serviceWorker.ready.then(() => undefined)");
      await context.setOffline(true);
      await page.reload();
      expect(await latent()).toBe(native);
      await onPage.boardRuns(page, "lewm-test");
      await context.setOffline(false);
      await page.reload();
    });
  });

  test("a photo becomes nearly the latent that a native board makes of it", async () => {
    const request = {
      method: "POST",
      target: "/v1/encode",
      headers: { "content-type": "image/jpeg" },
      body: sample("rocket-portrait.jpg"),
    };
    const board = await SimulatedBoard.create({ board: testBoard(), model: MODEL, engine: "native" });
    const [ours, theirs] = [jsonOf(await ask(page, request)).latent, jsonOf(await board.handle(request)).latent] as [
      number[],
      number[],
    ];
    await board.close();
    const distance = Math.hypot(...ours.map((value, i) => value - (theirs[i] ?? Number.NaN)));
    expect(distance).toBeLessThan(Math.hypot(...theirs) / 20);
  });

  test("the progress of a plan arrives before its result, and a client that leaves ends it", async () => {
    const seen = (await page.evaluate(`(async () => {
      const frame = { latent: Array(${LATENT}).fill(0.5) }, leaving = new AbortController();
      const plan = (budget) => board("/v1/plan", {
        method: "POST", signal: leaving.signal,
        headers: { "content-type": "application/json", accept: "text/event-stream" },
        body: JSON.stringify({ start: frame, goal: frame, budget }),
      });
      const text = await (await plan({ samples: 4, iterations: 3, elites: 2 })).text();
      // Far longer than it takes to leave.
      const reader = (await plan({ samples: 300, iterations: 30, elites: 30 })).body.getReader();
      const first = new TextDecoder().decode((await reader.read()).value);
      leaving.abort();
      const after = await reader.read().catch((error) => error.name);
      return [[...text.matchAll(/^event: (\\w+)/gm)].map(([, kind]) => kind), first, after];
    })()`)) as [string[], string, string];
    expect(seen).toEqual([
      ["progress", "progress", "progress", "result"],
      expect.stringMatching(/^event: progress\n/),
      "AbortError",
    ]);
    await expect
      .poll(async () => jsonOf(await ask(page, { method: "GET", target: "/v1/device" })))
      .toMatchObject({ queue: { in_progress: 0 } });
    const metrics = await ask(page, { method: "GET", target: "/v1/metrics" });
    expect(new TextDecoder().decode(metrics.body)).toContain('synapse_inference_seconds_count{route="/v1/plan"} 1\n');
  });

  test("a request that was taken back before it began never reaches the board", async () => {
    const name = await page.evaluate(
      `board("/v1/device", { signal: AbortSignal.abort() }).catch((error) => error.name)`,
    );
    expect(name).toBe("AbortError");
  });

  test("an upload tells how far it is", async () => {
    const model = fileURLToPath(new URL("../../fixtures/lewm-test.syn", import.meta.url));
    await page.evaluate(
      `document.body.append(Object.assign(document.createElement("input"), { type: "file", id: "test-file" }))`,
    );
    await page.locator("#test-file").setInputFiles(model);
    const [status, progress] = (await page.evaluate(`(async () => {
      const progress = [], body = document.querySelector("#test-file").files[0];
      const onUploadProgress = (sent) => progress.push(sent);
      const answer = await board("/v1/models/model_b", { method: "PUT", body, onUploadProgress });
      return [answer.status, progress];
    })()`)) as [number, number[]];
    expect(status).toBe(201);
    expect(progress.length).toBeGreaterThan(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(MODEL.length);
  });

  describe("by its page", () => {
    beforeEach(async () => {
      await page.reload();
    });

    test("a sample is encoded, and nothing is asked of any server", async () => {
      await onPage.boardRuns(page, "lewm-test");
      requests.length = 0;
      await onPage.sample(page);
      await onPage.latentShown(page);
      await onPage.imagine(page);
      expect(requests).toEqual([]);
    });

    test("the tab is its board's owner: settings are there, and no token is asked for", async () => {
      const settings = card(page, "Settings");
      await settings.getByLabel("Board name").fill("my tab");
      await settings.getByRole("button", { name: "Save" }).click();
      await page.getByRole("heading", { name: "my tab" }).waitFor();
      expect(await page.getByText("token").count()).toBe(0);
      await settings.getByText("Remove owner").click();
      await settings.getByRole("button", { name: "Remove me as owner" }).click();
      await page.getByRole("button", { name: "Claim" }).click();
      await settings.getByLabel("Board name").waitFor();
      expect(await page.getByText("token").count()).toBe(0);
    });

    test("a model is uploaded and run, and a tab that loads again is a board from the factory", async () => {
      await onPage.upload(page, "model_b", MODEL);
      await onPage.run(page, "model_b");
      await onPage.slotRuns(page, "model_b", "lewm-test");
      await page.reload();
      await onPage.slotRuns(page, "model_a", "lewm-test");
    });

    test("a reboot loses requests in the middle, and the board comes back", async () => {
      const states = await page.evaluate(`(async () => {
        const frame = { latent: Array(${LATENT}).fill(0.5) };
        const plan = board("/v1/plan", {
          method: "POST", headers: { "content-type": "application/json" },
          body: JSON.stringify({ start: frame, goal: frame, budget: { samples: 300, iterations: 30, elites: 30 } }),
        }).then((answer) => answer.status, (error) => error.name);
        while ((await (await board("/v1/device")).json()).queue.in_progress === 0);
        const reboot = (await board("/v1/reboot", { method: "POST" })).status;
        return [reboot, await plan];
      })()`);
      expect(states).toEqual([202, "TypeError"]);
      await expect
        .poll(() => page.evaluate(`board("/v1/device").then((answer) => answer.json()).catch(() => null)`))
        .toMatchObject({ reset: { reason: "software", count: 1 } });
    });
  });

  test("a stale token that the page remembers of another board does no harm", async () => {
    const headers = { authorization: "Bearer of-another-board" };
    expect((await ask(page, { method: "GET", target: "/v1/settings", headers })).status).toBe(200);
    expect((await ask(page, { method: "DELETE", target: "/v1/claim" })).status).toBeLessThan(300);
    expect((await ask(page, { method: "GET", target: "/v1/models" })).status).toBe(403);
    const body = new TextEncoder().encode("{}");
    expect(
      (await ask(page, { method: "POST", target: "/v1/claim", headers: { "content-type": "application/json" }, body }))
        .status,
    ).toBe(201);
    expect((await ask(page, { method: "GET", target: "/v1/settings" })).status).toBe(200);
  });

  test("the browser found nothing to complain about", () => {
    expect(complaints).toEqual([]);
  });
});
