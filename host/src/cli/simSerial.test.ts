import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeAppImage } from "synapse-sim/testing/appImage";
import { esptool, hasEsptool } from "synapse-sim/testing/esptool";
import { makeFlash } from "synapse-sim/testing/flashImage";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findBoard } from "../boards/boards.js";
import { runProgram, startProgram } from "./testing/cliHarness.js";

const ARGS = ["sim", "--board", "waveshare-esp32-p4-wifi6", "--serial", "0", "--port", "0", "--no-mdns"];
const SECTOR = 4_096;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "synapse-sim-serial-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.skipIf(!hasEsptool())("what esptool writes is in the flash file, and there again at the next start", async () => {
  const board = await findBoard("waveshare-esp32-p4-wifi6");
  const offset = 0x52_0000;
  const data = new Uint8Array(SECTOR).map((_, i) => i & 0x7f);
  writeFileSync(join(folder, "data"), data);
  writeFileSync(join(folder, "chip"), makeFlash(board, { partitions: { ota_0: makeAppImage() } }));
  const write = async (command: string): Promise<void> => {
    const { document, stop } = await startProgram([...ARGS, "--flash-file", "chip"], folder);
    try {
      const args = ["--port", document.serial as string, command, String(offset), join(folder, "data")];
      expect(await esptool(...args)).toMatchObject({ code: 0 });
    } finally {
      expect(await stop()).toBe(0);
    }
  };
  await write("write-flash");
  expect(new Uint8Array(readFileSync(join(folder, "chip"))).subarray(offset, offset + SECTOR)).toEqual(data);
  await write("verify-flash");
});

test.each([
  [["--flash-file", "short"], /the flash has 33554432 bytes and what it should hold 3; .*\[FLASH_SIZE\]/],
  [["--flash-file", "."], /\[FLASH_FILE_UNREADABLE\]/],
  [["--serial", "65536"], /65536/],
  [["--model", "m.syn"], /--serial.*cannot be used with option '--model/],
])("%s is refused in words", async (more, says) => {
  writeFileSync(join(folder, "short"), "abc");
  const { code, stdout, stderr } = await runProgram([...ARGS, ...more], folder);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(says);
});
