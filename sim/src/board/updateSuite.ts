import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileServer } from "../testing/fileServer.js";
import { FIRMWARE_VERSION } from "../testing/firmwareVersion.js";
import type { BoardKind, TestedBoard } from "../testing/testedBoard.js";
import { makeAppImage } from "./appImage.js";
import { jsonOf, MODEL } from "./boardSuite.js";
import { POWER_CUTS } from "./deviceCore.js";

/** What every build of the board does with a new firmware, and with updates that it fetches. */
export function updateSuite(kind: BoardKind): void {
  describe(`updates of ${kind.title}`, () => {
    let board: TestedBoard;
    let files: FileServer;
    beforeEach(async () => {
      files = await FileServer.start();
      board = await kind.create();
    });
    afterEach(async () => {
      await board.close();
      await files.close();
    });

    const ask = async (method: string, target: string, body?: Uint8Array | object) => {
      const bytes =
        body === undefined || body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body));
      const type = body instanceof Uint8Array ? "application/octet-stream" : "application/json";
      const headers = {
        authorization: `Bearer ${board.ownerToken}`,
        ...(bytes === undefined ? {} : { "content-type": type }),
      };
      const answer = await board.handle({ method, target, headers, ...(bytes === undefined ? {} : { body: bytes }) });
      return { status: answer.status, ...jsonOf(answer) } as Record<string, unknown>;
    };
    const firmware = async () => (await ask("GET", "/v1/device")).firmware as Record<string, unknown>;
    /** Tries until it holds: the board works while others wait. */
    const eventually = async (holds: () => Promise<boolean>): Promise<void> => {
      while (!(await holds().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    const announce = (kind: string, file: Uint8Array, more: object = {}) => {
      files.file = file;
      const sha256 = createHash("sha256").update(file).digest("hex");
      return ask("POST", `/v1/updates/${kind}`, { url: files.url, bytes: file.length, sha256, ...more });
    };
    /** Waits until the update is over, putting the clock forward where the board waits. */
    const ended = async (...states: string[]) => {
      let update: Record<string, unknown> = {};
      await eventually(async () => {
        update = await ask("GET", "/v1/updates");
        if (update.state === "QUEUED") await board.skip(1);
        return states.includes(String(update.state));
      });
      return update;
    };

    it("takes a firmware, starts it on trial, and keeps it when it stays up", async () => {
      expect(await firmware()).toMatchObject({ version: FIRMWARE_VERSION, state: "VALID", capacity_bytes: 2621440 });
      const answer = await ask("POST", "/v1/firmware", makeAppImage({ version: "2.0.0" }));
      expect(answer).toMatchObject({ status: 202, version: "2.0.0", project: "synapse", rebooting: true });
      await eventually(async () => (await firmware()).version === "2.0.0");
      expect(await firmware()).toMatchObject({ version: "2.0.0", state: "ON_TRIAL" });
      await board.skip(61);
      await eventually(async () => (await firmware()).state === "VALID");
      await board.reset();
      expect(await firmware()).toMatchObject({ version: "2.0.0", state: "VALID" });
    });

    it("returns to the firmware before when a new one does not stay up", async () => {
      await ask("POST", "/v1/firmware?reboot=false", makeAppImage({ version: "2.0.0" }));
      await board.reset("software");
      expect(await firmware()).toMatchObject({ version: "2.0.0", state: "ON_TRIAL" });
      await board.reset("panic");
      expect(await firmware()).toMatchObject({ version: FIRMWARE_VERSION, state: "RETURNED" });
    });

    it("refuses a firmware of another chip or revision before anything is erased, and a damaged one at its end", async () => {
      const operations = await board.flashOperations();
      expect(await ask("POST", "/v1/firmware", makeAppImage({ chipId: 9 }))).toMatchObject({
        status: 422,
        code: "FIRMWARE_CHIP",
      });
      const newer = await ask("POST", "/v1/firmware", makeAppImage({ revisionMin: 300, revisionMax: 399 }));
      expect(newer).toMatchObject({
        status: 422,
        code: "FIRMWARE_REVISION",
        detail: expect.stringContaining("v3.0 to v3.99"),
        expected: expect.stringContaining("v1.3"),
      });
      expect(await board.flashOperations()).toBe(operations);
      const damaged = makeAppImage({ version: "2.0.0" });
      damaged[50_000] = (damaged[50_000] ?? 0) ^ 4;
      expect(await ask("POST", "/v1/firmware", damaged)).toMatchObject({ status: 422, code: "FIRMWARE_DAMAGED" });
      await board.reset();
      expect(await firmware()).toMatchObject({ version: FIRMWARE_VERSION, state: "VALID" });
    });

    it("runs the old firmware or the new one when power goes in the middle of the update", async () => {
      const damaged = makeAppImage({ version: "2.0.0" });
      damaged[50_000] = (damaged[50_000] ?? 0) ^ 4;
      const before = await board.flashOperations();
      expect(await ask("POST", "/v1/firmware", damaged)).toMatchObject({ code: "FIRMWARE_DAMAGED" });
      const operations = (await board.flashOperations()) - before;
      for (const [index, cut] of POWER_CUTS.entries()) {
        await board.cutPower(Math.floor((index * operations) / POWER_CUTS.length), cut);
        await expect(ask("POST", "/v1/firmware?reboot=false", makeAppImage({ version: "2.0.0" }))).rejects.toThrow();
        await board.reset();
        expect(await firmware()).toMatchObject({ version: FIRMWARE_VERSION, state: "VALID" });
      }
      expect(await ask("POST", "/v1/firmware?reboot=false", makeAppImage({ version: "2.0.0" }))).toMatchObject({
        status: 202,
      });
      await board.reset();
      expect(await firmware()).toMatchObject({ version: "2.0.0" });
    });

    it("fetches a model, goes on where the connection broke, and runs it", async () => {
      files.breakAfter = 50_000;
      expect(await announce("model", MODEL)).toMatchObject({ status: 202, state: "QUEUED", slot: "model_b" });
      expect(await ended("UPDATED", "FAILED")).toMatchObject({ state: "UPDATED", received_bytes: MODEL.length });
      expect(files.asked[0]).toBe("");
      expect(files.asked.at(-1)).toMatch(/^bytes=\d+-$/);
      expect(await ask("GET", "/v1/models/model_b")).toMatchObject({ state: "VALID", active: true, name: "lewm-test" });
    });

    it("fetches a firmware and starts it on trial", async () => {
      files.refusals = [503];
      expect(await announce("firmware", makeAppImage({ version: "3.1.4" }))).toMatchObject({
        status: 202,
        kind: "firmware",
      });
      await eventually(async () => {
        if ((await ask("GET", "/v1/updates")).state === "QUEUED") await board.skip(1);
        return (await firmware()).version === "3.1.4";
      });
      expect(await firmware()).toMatchObject({ state: "ON_TRIAL" });
      expect(files.asked.length).toBe(2);
    });

    it("does not run what is not what was announced", async () => {
      const other = Uint8Array.from(MODEL);
      other[other.length - 9] = (other[other.length - 9] ?? 0) ^ 1;
      await announce("model", MODEL);
      files.file = other;
      expect(await ended("UPDATED", "FAILED")).toMatchObject({ state: "FAILED", code: "DIGEST_WRONG" });
      files.refusals = [404];
      await announce("model", MODEL);
      expect(await ended("UPDATED", "FAILED")).toMatchObject({ state: "FAILED", code: "FILE_NOT_FOUND" });
      expect(await ask("GET", "/v1/models/model_a")).toMatchObject({ state: "VALID", active: true });
    });

    it("refuses a file of any length that is not the announced one", async () => {
      for (const claimed of ["4294967297", "9007199254740993", "18446744073709551615"]) {
        files.claimedBytes = claimed;
        await announce("model", MODEL);
        expect(await ended("UPDATED", "FAILED")).toMatchObject({ state: "FAILED", code: "LENGTH_DIFFERS" });
      }
    });

    it("goes on where it was with a server that knows no ranges, and leaves one that never sends the rest", async () => {
      files.ranges = false;
      files.breakAfter = Math.floor(MODEL.length * 0.9);
      await announce("model", MODEL, { activate: false });
      expect(await ended("VERIFIED", "FAILED")).toMatchObject({ state: "VERIFIED" });
      expect(files.asked.length).toBe(2);
      files.asked.length = 0;
      files.breaksAlways = true;
      files.breakAfter = Math.floor(MODEL.length * 0.9);
      await announce("model", MODEL, { activate: false });
      await eventually(async () => (await ask("GET", "/v1/updates")).code === "DOWNLOAD_BROKE");
      const operations = await board.flashOperations();
      expect(await ended("VERIFIED", "FAILED")).toMatchObject({
        state: "FAILED",
        code: "DOWNLOAD_BROKE",
        detail: expect.stringContaining("8 tries in a row brought nothing new"),
      });
      expect(files.asked.length).toBe(8);
      // The record of a healthy start is the only thing that may have been written meanwhile.
      expect((await board.flashOperations()) - operations).toBeLessThanOrEqual(2);
    });

    it("says why a server has no file, and asks once where asking again would not help", async () => {
      const page = new TextEncoder().encode("<!doctype html><title>Log in</title>");
      const tells = async (code: string) => {
        files.asked.length = 0;
        await ask("POST", "/v1/updates/model", { url: files.url, bytes: MODEL.length, sha256: "00".repeat(32) });
        expect(await ended("UPDATED", "FAILED")).toMatchObject({ state: "FAILED", code });
        expect(files.asked.length).toBe(1);
        const { entries } = (await ask("GET", "/v1/log?level=error")) as unknown as { entries: { text: string }[] };
        expect(entries.at(-1)?.text).toMatch(new RegExp(`^update: ${code}: `));
      };
      files.file = page;
      files.mediaType = "text/html";
      await tells("PAGE_INSTEAD");
      files.claimedBytes = "";
      await tells("PAGE_INSTEAD");
      files.location = "file:///etc/passwd";
      await tells("REDIRECT_SCHEME");
      files.location = "/file";
      await tells("REDIRECT_LOOP");
      files.location = undefined;
      files.refusals = [403];
      await tells("ACCESS_DENIED");
    });

    it("waits for its link to come back, and can be told to stop", async () => {
      files.breakAfter = 10_000;
      await announce("model", MODEL, { activate: false });
      await eventually(
        async () => files.asked.length > 0 && (await ask("GET", "/v1/updates")).code === "DOWNLOAD_BROKE",
      );
      await board.setLink(false);
      // Past the wait before the next try, which finds no way to the server.
      await board.skip(3);
      await board.setLink(true);
      // Of a board with tasks of its own nobody knows how far they are.
      if (kind.engine !== "esp32p4")
        expect(await ask("GET", "/v1/updates")).toMatchObject({ state: "QUEUED", code: "SERVER_UNREACHABLE" });
      expect(await ended("VERIFIED", "FAILED")).toMatchObject({ state: "VERIFIED" });
      expect(await ask("GET", "/v1/models/model_b")).toMatchObject({ state: "VALID", active: false });
      await announce("model", MODEL, { spread_s: 86_400 });
      expect(await ask("DELETE", "/v1/updates")).toMatchObject({ status: 200, state: "FAILED", code: "CANCELLED" });
    });
  });
}
