import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { type Board, readBoard, type SimulatedChip, startSimulatedChip } from "synapse-sim";
import { complaintsOf, hindrances } from "synapse-sim/testing/boardPage";
import { findChromium } from "synapse-sim/testing/chromium";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeFlashSite } from "../boards/flashSite.js";
import { type FileServer, serveFiles } from "../files/serveFiles.js";
import type { FlashPort } from "../flash/espChip.js";
import { findPort } from "../serial/openPort.js";
import { FAMILIES, writeFirmwareBuild } from "../testing/firmwareBuild.js";
import { zipFolder } from "../testing/zipFolder.js";
import { runInside } from "./testing/cliHarness.js";

const executable = findChromium();
const repository = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const MODEL = repository("sim/fixtures/lewm-test.syn");
const BOARD = "esp32-p4-function-ev";

/**
 * Web Serial in the page, on functions of the test: the port is there before it is asked for, and keeps its place
 * when it is closed, as a USB bridge does.
 */
const STAND_IN = `{
  const port = new EventTarget();
  let controller;
  port.readable = null;
  port.writable = null;
  port.getInfo = () => ({ usbVendorId: 0x1a86, usbProductId: 0x55d3 });
  port.open = async ({ baudRate }) => {
    if (port.readable) throw new DOMException("The port is already open.", "InvalidStateError");
    await lineOpen(baudRate);
    port.readable = new ReadableStream({ start: (given) => { controller = given; } });
    port.writable = new WritableStream({ write: (bytes) => lineSend(btoa(String.fromCharCode(...bytes))) });
  };
  port.close = async () => { port.readable = null; port.writable = null; controller = undefined; };
  port.setSignals = ({ dataTerminalReady: dtr, requestToSend: rts }) => lineSignals({ dtr, rts });
  globalThis.lineReceived = (text) => controller?.enqueue(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  globalThis.lineGone = () => {
    port.readable = null;
    port.writable = null;
    controller?.error(new DOMException("The device has been lost.", "NetworkError"));
    port.dispatchEvent(new Event("disconnect"));
  };
  const serial = new EventTarget();
  serial.requestPort = async () => port;
  Object.defineProperty(navigator, "serial", { value: serial });
}`;

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

describe.skipIf(executable === undefined)("the page that flashes boards", () => {
  let folder: string;
  let board: Board;
  let site: FileServer;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let chip: SimulatedChip;
  let line: FlashPort | undefined;
  let complaints: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "synapse-flash-page-"));
    board = await readBoard(repository(`boards/${BOARD}.json`));
    for (const family of ["v1", "v3"] as const)
      await writeFirmwareBuild(join(folder, "release", family), { board, app: FAMILIES[family] });
    site = await serveFiles(
      await makeFlashSite({ builds: [join(folder, "release")], models: [MODEL], boards: [], project: "synapse" }),
      0,
    );
    browser = await chromium.launch({ executablePath: executable as string, args: ["--no-sandbox"] });
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    page = await context.newPage();
    complaints = complaintsOf(page);
  });
  afterEach(async () => {
    await line?.close();
    line = undefined;
    await context.close();
    await chip?.close();
  });

  /** Gives the page what the chip says, until its cable is pulled. */
  async function carry(port: FlashPort): Promise<void> {
    const reader = (port.readable as ReadableStream<Uint8Array>).getReader();
    const tell = (call: string) => void page.evaluate(call).catch(() => undefined);
    try {
      while (true) {
        const { value = new Uint8Array() } = await Promise.race([reader.read(), port.lost]);
        tell(`lineReceived(${JSON.stringify(Buffer.from(value).toString("base64"))})`);
      }
    } catch {
      line = undefined;
      tell("lineGone()");
    }
  }

  async function write(writable: WritableStream<Uint8Array>, text: string): Promise<void> {
    const writer = writable.getWriter();
    await writer.write(Buffer.from(text, "base64")).finally(() => writer.releaseLock());
  }

  /** Opens the page with a chip on its line. */
  async function plugIn(family: "v1" | "v3"): Promise<void> {
    chip = await startSimulatedChip({ board, family, mac: "30:ed:a0:12:34:56" });
    await page.exposeFunction("lineOpen", async (baudRate: number) => {
      if (line !== undefined) return line.setBaudRate?.(baudRate);
      line = (await findPort(chip.url.replace("socket:", "rfc2217:"))).port;
      await line.open({ baudRate });
      return void carry(line);
    });
    await page.exposeFunction("lineSend", (text: string) => line?.writable && write(line.writable, text));
    await page.exposeFunction("lineSignals", ({ dtr, rts }: { dtr?: boolean; rts?: boolean }) =>
      line?.setSignals({
        ...(dtr === undefined ? {} : { dataTerminalReady: dtr }),
        ...(rts === undefined ? {} : { requestToSend: rts }),
      }),
    );
    await page.addInitScript(STAND_IN);
    await page.goto(site.url);
  }

  const go = () => page.getByRole("button", { name: "Connect and flash" }).click();
  const done = () => page.getByRole("heading", { name: "Done" }).waitFor();

  /** What the command line writes onto such a chip. */
  async function written(family: "v1" | "v3", ...options: string[]): Promise<Uint8Array> {
    const other = await startSimulatedChip({ board, family, mac: "30:ed:a0:12:34:56" });
    try {
      const build = join(folder, "release");
      const args = ["flash", "--port", other.url, "--build", build, "--model", MODEL, ...options];
      const { code, stderr } = await runInside(args, { env: { XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder } });
      expect(code, stderr).toBe(0);
      return other.flash.contents.slice();
    } finally {
      await other.close();
    }
  }

  test.each(["v1", "v3"] as const)("writes what the command line writes, onto silicon %s", async (family) => {
    await plugIn(family);
    await page.getByLabel("Board", { exact: true }).selectOption(BOARD);
    await go();
    await done();
    expect(same(chip.flash.contents, await written(family))).toBe(true);
    await chip.idle();
    expect(chip.running?.identity()?.model).toBe("lewm-test");
    await expect(page.getByRole("img", { name: /written: bootloader, partitions/ }).count()).resolves.toBe(1);
    expect(await hindrances(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
  });

  test("refuses silicon of the other family in words, and a pulled cable goes on where it broke", async () => {
    await plugIn("v1");
    await page.getByLabel("Firmware", { exact: true }).selectOption("A zip of mine …");
    const only = await zipFolder(join(folder, "release", "v3"));
    await page.getByLabel("Zip of a build or a release").setInputFiles({ name: "v3.zip", mimeType: "", buffer: only });
    const before = chip.flash.contents.slice();
    await go();
    const alert = page.getByRole("alert");
    await alert.filter({ hasText: "silicon v1.3" }).waitFor();
    expect(await alert.textContent()).toMatch(/a build for silicon below v3: .*\[CHIP_REVISION\]/);
    expect(same(chip.flash.contents, before)).toBe(true);

    await page.getByLabel("Firmware", { exact: true }).selectOption("release");
    chip.setFaults({ unplugAtBlock: 10 });
    await go();
    await alert.filter({ hasText: "goes on where it broke" }).waitFor();
    chip.setFaults({});
    await go();
    await done();
    expect(await page.getByText(/KiB were there already, verified/).count()).toBe(1);
    expect(same(chip.flash.contents, await written("v1"))).toBe(true);
  });

  test("by keyboard alone: settings, an owner, and the board starts as its own", async () => {
    await plugIn("v3");
    const type = (label: string, text: string) => page.getByLabel(label, { exact: true }).pressSequentially(text);
    await page.getByText("Network, name and owner").focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.type("😀".repeat(9));
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "36 bytes" }).waitFor();
    await page.getByLabel("Wi-Fi network", { exact: true }).fill("my net");
    await type("Wi-Fi password", "seven77");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "8 to 63 bytes" }).waitFor();
    await type("Wi-Fi password", "7");
    await type("Name of the board", "kitchen");
    await page.keyboard.press("Enter");
    await done();
    const token = await page.locator("#token").textContent();
    const link = page.getByRole("link", { name: "http://synapse-123456.local" });
    expect(await link.getAttribute("href")).toBe("http://synapse-123456.local");
    await chip.idle();
    const answer = await chip.running?.handle({
      method: "GET",
      target: "/v1/settings",
      headers: { authorization: `Bearer ${token}` },
    });
    expect(JSON.parse(Buffer.from(answer?.body ?? []).toString())).toMatchObject({
      name: "kitchen",
      wifi_ssid: "my net",
    });
    // Another network, over the cable that is still there.
    await page.getByLabel("Wi-Fi network of the running board").fill("other net");
    await page.getByLabel("Password of that network").fill("correct horse");
    await page.keyboard.press("Enter");
    await page.getByText("The board has joined the network").waitFor();
    expect(complaints).toEqual([]);
  });

  test("a browser without Web Serial is told which has it", async () => {
    await page.addInitScript("Object.defineProperty(navigator, 'serial', { value: undefined })");
    await page.goto(site.url);
    await page.getByText("open the page in Chrome, Edge or Opera on a computer").waitFor();
    expect(await page.getByRole("button", { name: "Connect and flash" }).isDisabled()).toBe(true);
  });
});

describe("flash-page", () => {
  test("writes a site, replaces it, and leaves a folder of others alone", async () => {
    const folder = await mkdtemp(join(tmpdir(), "synapse-flash-site-"));
    try {
      const site = join(folder, "site");
      const made = await runInside(["flash-page", "--model", MODEL, "--output", site, "--json"]);
      expect(made).toMatchObject({ code: 0, stderr: "" });
      expect(JSON.parse(made.stdout)).toMatchObject({ command: "flash-page", output: site, url: null });
      expect((await readdir(site)).sort()).toEqual([
        "board.wasm",
        "flash.js",
        "flash.json",
        "index.html",
        "models",
        "style.css",
      ]);
      expect((await runInside(["flash-page", "--output", site])).code).toBe(0);
      const refused = await runInside(["flash-page", "--output", folder]);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("OUTPUT_NOT_EMPTY") });
      const nowhere = await runInside(["flash-page", "--output", join(MODEL, "site")]);
      expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringMatching(/expected .*\[WRITE_FAILED\]/) });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("offers nothing that could not be flashed", async () => {
    const photo = repository("samples/cat.jpg");
    expect(await runInside(["flash-page", "--model", photo])).toMatchObject({ code: 2 });
    const none = await runInside(["flash-page", "--build", repository("samples")]);
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("BUILD_MISSING") });
  });
});
