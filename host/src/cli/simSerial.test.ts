import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeAppImage } from "synapse-sim/app-image";
import { esptool, hasEsptool } from "synapse-sim/testing/esptool";
import { makeFlash } from "synapse-sim/testing/flashImage";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findBoard } from "../boards/boards.js";
import { writeFirmwareBuild } from "../testing/firmwareBuild.js";
import { runInside, runProgram, startProgram } from "./testing/cliHarness.js";

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

test("a cable that was asked to be bad is pulled in the middle of a flash, and works at the next try", async () => {
  const started = await startProgram([...ARGS, "--faults", "seed=3,unplug-at=1"], folder);
  try {
    const port = started.document.serial as string;
    const build = join(folder, "build");
    await writeFirmwareBuild(build, { board: await findBoard("waveshare-esp32-p4-wifi6") });
    const flash = ["flash", "--sim", port, "--build", build, "--board", "waveshare-esp32-p4-wifi6", "--json"];
    const { code, stderr } = await runInside(flash, { env: { HOME: folder, XDG_STATE_HOME: folder } });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("[CABLE_LOST]") });
    expect(await runInside([...flash, "--resume"], { env: { HOME: folder, XDG_STATE_HOME: folder } })).toMatchObject({
      code: 0,
    });
  } finally {
    expect(await started.stop()).toBe(0);
  }
});

test("faults of a cable are for a chip that has one", async () => {
  const args = ["sim", "--board", "waveshare-esp32-p4-wifi6", "--model", "m.syn", "--faults", "lost=1"];
  expect(await runInside(args)).toMatchObject({ code: 2, stderr: expect.stringContaining("[FAULTS_ALONE]") });
});

test.each([
  [["--flash-file", "short"], /the flash has 33554432 bytes and what it should hold 3; .*\[FLASH_SIZE\]/],
  [["--flash-file", "."], /\[FLASH_FILE_UNREADABLE\]/],
  [["--serial", "65536"], /65536/],
  [["--faults", "lost=20,sticky=3"], /"sticky=3" is no fault: seed=, lost=/],
  [["--faults", "lost=1000001"], /Expected lost=<whole number up to 1000000>/],
  [["--faults", "lost="], /Expected lost=<whole number/],
  [["--faults", "lost=1,lost=2"], /lost stands there twice/],
  [["--model", "m.syn"], /--serial.*cannot be used with option '--model/],
])("%s is refused in words", async (more, says) => {
  writeFileSync(join(folder, "short"), "abc");
  const { code, stdout, stderr } = await runProgram([...ARGS, ...more], folder);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(says);
});
