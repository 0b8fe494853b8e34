import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Xorshift32 } from "synapse-engine/testing/random";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeAppImage } from "../board/appImage.js";
import { jsonOf, MODEL, testBoard } from "../board/boardSuite.js";
import { esptool, hasEsptool } from "../testing/esptool.js";
import { flashPieces, makeOtaRecord } from "../testing/flashImage.js";
import { type SimulatedChip, startSimulatedChip } from "./startSimulatedChip.js";

const OFFSET = 0x1_0000;
const SECTOR = 4_096;
const REVISIONS = { v1: "v1.3", v3: "v3.1" } as const;

function random(bytes: number): Uint8Array {
  const numbers = new Xorshift32(3);
  return Uint8Array.from({ length: bytes }, () => numbers.below(256));
}

const failed = (): never => {
  throw new Error("nothing runs");
};

describe.skipIf(!hasEsptool()).each(["v1", "v3"] as const)("esptool with a chip of family %s", (family) => {
  let folder: string;
  let chip: SimulatedChip;
  const run = async (...args: readonly string[]): Promise<string> => {
    const { code, output } = await esptool("--chip", "esp32p4", "--port", chip.url, ...args);
    expect(code, output).toBe(0);
    return output;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "synapse-esptool-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(() => chip?.close());

  it("finds out which chip it is, its revision, its address and its flash", async () => {
    chip = await startSimulatedChip({ board: testBoard(), family, mac: "02:00:5e:10:00:fe" });
    const found = await esptool("--port", chip.url, "flash-id");
    expect(found).toMatchObject({ code: 0 });
    expect(found.output).toContain(`ESP32-P4 (revision ${REVISIONS[family]})`);
    expect(found.output).toContain("02:00:5e:10:00:fe");
    expect(found.output).toContain("Detected flash size: 32MB");
    expect(found.output).toContain("Stub flasher running.");
    expect(await run("get-security-info")).toContain("Chip ID: 18");
  });

  it("writes packed and plain, verifies, reads back and erases", async () => {
    chip = await startSimulatedChip({ board: testBoard(), family });
    const files = { packed: new Uint8Array(50_000).map((_, i) => i >> 7), plain: random(50_001) };
    const file = (name: string): string => join(folder, name);
    for (const [name, data] of Object.entries(files)) writeFileSync(file(name), data);
    const [second, size] = [OFFSET + 16 * SECTOR, String(files.plain.length)];
    const args = [String(OFFSET), file("packed"), String(second), file("plain")];
    expect(await run("write-flash", ...args)).toContain("Hash of data verified.");
    const contents = chip.flash.contents;
    expect(contents.subarray(OFFSET, OFFSET + files.packed.length)).toEqual(files.packed);
    expect(contents.subarray(second, second + files.plain.length)).toEqual(files.plain);
    expect(await run("verify-flash", ...args)).toContain("Verification successful");
    await run("read-flash", String(second), size, file("back"));
    expect(new Uint8Array(readFileSync(file("back")))).toEqual(files.plain);
    await run("erase-region", String(OFFSET), String(SECTOR));
    expect(contents.subarray(OFFSET, OFFSET + SECTOR).every((byte) => byte === 0xff)).toBe(true);
    expect(contents[OFFSET + SECTOR]).toBe(SECTOR >> 7);
    await run("erase-flash");
    expect(contents.every((byte) => byte === 0xff)).toBe(true);
  });

  it("writes what the board then boots: bootloader, partition table, application, records and model", async () => {
    const board = testBoard(({ chipRevision }) => {
      Object.assign(chipRevision, family === "v1" ? { major: 1, minor: 3 } : { major: 3, minor: 1 });
    });
    chip = await startSimulatedChip({ board });
    const [revisionMin, revisionMax] = family === "v1" ? [0, 199] : [300, 399];
    const app = makeAppImage({ version: "7.7.7", revisionMin, revisionMax, payloadBytes: 20_000 });
    const otadata = Buffer.concat([makeOtaRecord(1), makeOtaRecord(2)]);
    const pieces = flashPieces(board, { partitions: { ota_1: app, otadata, model_a: MODEL } });
    const args = pieces.flatMap(({ offset, data }, i) => {
      const file = join(folder, `piece${i}`);
      writeFileSync(file, data);
      return [String(offset), file];
    });
    expect(await run("write-flash", ...args)).toContain("Hash of data verified.");
    await chip.idle();
    expect(chip.console).toContain("Loaded app from partition at offset 0x2a0000");
    const device = jsonOf((await chip.running?.handle({ method: "GET", target: "/v1/device" })) ?? failed());
    expect(device).toMatchObject({ claimed: false, board: { chip_revision: REVISIONS[family].slice(1) } });
    expect(chip.running?.identity()?.model).toBe("lewm-test");
  });

  it("writes through the ROM's loader alone", async () => {
    chip = await startSimulatedChip({ board: testBoard(), family });
    const data = random(5_000);
    writeFileSync(join(folder, "rom"), data);
    const output = await run("--no-stub", "write-flash", String(OFFSET), join(folder, "rom"));
    expect(output).toContain("Hash of data verified.");
    expect(chip.flash.contents.subarray(OFFSET, OFFSET + data.length)).toEqual(data);
  });

  it("speaks to it through a pseudo terminal, at a rate of its own", async ({ skip }) => {
    chip = await startSimulatedChip({ board: testBoard(), family, pty: true });
    if (chip.pty === undefined) return skip("Python 3 has no pseudo terminals here");
    const data = random(50_001);
    writeFileSync(join(folder, "pty"), data);
    const args = ["--port", chip.pty, "--baud", "921600", "--before", "no-reset", "--after", "no-reset"];
    const { code, output } = await esptool(...args, "write-flash", String(OFFSET), join(folder, "pty"));
    expect(code, output).toBe(0);
    expect(output).toContain("Hash of data verified.");
    expect(chip.flash.contents.subarray(OFFSET, OFFSET + data.length)).toEqual(data);
    // The program has closed it, so the chip starts from its flash.
    await expect.poll(() => chip.mode).toBe("application");
  });

  it("resets it over RFC 2217 by DTR and RTS, and changes the rate", async () => {
    chip = await startSimulatedChip({ board: testBoard(), family });
    const port = chip.url.replace("socket:", "rfc2217:");
    const { code, output } = await esptool("--port", port, "--baud", "921600", "read-mac");
    expect(code, output).toBe(0);
    expect(output).toContain("02:00:00:00:00:01");
    await chip.idle();
    expect(chip.console).toContain("waiting for download");
    expect(chip.mode).toBe("application");
  });
});
