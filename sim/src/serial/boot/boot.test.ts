import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { makeAppImage } from "../../board/appImage.js";
import type { BoardEngine } from "../../board/board.js";
import { jsonOf, MODEL, testBoard } from "../../board/boardSuite.js";
import { type FlashContents, makeFlash, makeOtaRecord, makePartitionTable } from "../../testing/flashImage.js";
import { type SimulatedChip, type SimulatedChipOptions, startSimulatedChip } from "../startSimulatedChip.js";

const APP = makeAppImage({ version: "1.2.3", payloadBytes: 5_000 });
const OTHER = makeAppImage({ version: "4.5.6", payloadBytes: 5_000 });
const damaged = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

let chip: SimulatedChip;
afterEach(() => chip?.close());

async function boot(contents: FlashContents, options: Partial<SimulatedChipOptions> = {}): Promise<string> {
  const board = testBoard();
  chip = await startSimulatedChip({ board, flash: makeFlash(board, contents), ...options });
  await chip.idle();
  return chip.console;
}

const ask = async (method: string, target: string, body?: object, token?: string): Promise<Record<string, unknown>> => {
  const answer = await chip.running?.handle({
    method,
    target,
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(body)) }),
  });
  if (answer === undefined) throw new Error(`nothing runs; the console says\n${chip.console}`);
  return jsonOf(answer);
};

describe.each(["native", "wasm"] as const)("a chip boots what its flash holds (%s)", (engine: BoardEngine) => {
  it("starts application, model and claim from their partitions, and says so on its console", async () => {
    const console = await boot({ partitions: { ota_0: APP, model_a: MODEL } }, { engine, mac: "02:00:5e:10:00:fe" });
    expect(console).toMatch(/boot: +7 model_a +Unknown data +01 40 00520000 01240000\r\n/);
    expect(console).toContain("boot: End of partition table");
    expect(console).toContain("No factory image, trying OTA 0");
    expect(console).toContain("Loaded app from partition at offset 0x20000");
    expect(console).toMatch(/app_init: App version: +1\.2\.3/);
    expect(console).toMatch(/synapse: unclaimed; claim code \w{4} \w{4}/);
    const { token } = await ask("POST", "/v1/claim", {});
    expect(await ask("GET", "/v1/device", undefined, token as string)).toMatchObject({
      id: "02:00:5e:10:00:fe",
      firmware: { version: "1.2.3" },
      slots: [
        { slot: "model_a", state: "VALID", active: true },
        { slot: "model_b", state: "EMPTY" },
      ],
    });
    // What it has written is in the flash that the next start sees.
    chip.reset();
    await chip.idle();
    expect(chip.console.match(/claim code/g)).toHaveLength(1);
    expect(await ask("PUT", "/v1/settings", { name: "kitchen" }, token as string)).toMatchObject({ name: "kitchen" });
  });

  it("goes through the bootloader again when the board starts itself anew", async () => {
    await boot({ partitions: { ota_0: APP } }, { engine });
    const { token } = await ask("POST", "/v1/claim", {});
    await ask("POST", "/v1/reboot", undefined, token as string);
    await expect.poll(() => chip.console).toMatch(/SW_CPU_RESET[\s\S]*Loaded app[\s\S]*device core/);
  });

  it("starts the application that the records choose, or the other when that one is damaged", async () => {
    const otadata = Buffer.concat([makeOtaRecord(1), makeOtaRecord(2)]);
    const second = await boot({ partitions: { ota_0: APP, ota_1: OTHER, otadata } }, { engine });
    expect(second).toMatch(/App version: +4\.5\.6/);
    await chip.close();
    const first = await boot({ partitions: { ota_0: APP, ota_1: damaged(OTHER, 900), otadata } }, { engine });
    expect(first).toContain("Checksum failed");
    expect(first).toContain("OTA app partition slot 1 is not bootable");
    expect(first).toMatch(/App version: +1\.2\.3/);
  });

  it("gives up an application that was started once and never confirmed", async () => {
    const pending = Buffer.concat([makeOtaRecord(1), makeOtaRecord(2, 1)]);
    const console = await boot({ partitions: { ota_0: APP, ota_1: OTHER, otadata: pending } }, { engine });
    expect(console).toMatch(/App version: +1\.2\.3/);
    const { token } = await ask("POST", "/v1/claim", {});
    const device = await ask("GET", "/v1/device", undefined, token as string);
    expect(device).toMatchObject({ firmware: { version: "1.2.3" } });
  });

  it("starts without a model, and takes it for a settled fact that a slot holds rubbish", async () => {
    await boot({ partitions: { ota_0: APP, model_a: damaged(MODEL, 40) } }, { engine });
    expect(await ask("POST", "/v1/claim", {})).toHaveProperty("token");
  });
});

describe("a chip that cannot boot says why in the bootloader's words", () => {
  const apps = { ota_0: APP };

  it.each<[string, FlashContents, string]>([
    [
      "nothing flashed",
      { partitions: {}, bootloader: new Uint8Array(), table: new Uint8Array() },
      "invalid header: 0xffffffff",
    ],
    ["no table", { partitions: apps, table: new Uint8Array() }, "partition 0 invalid magic number 0xffff"],
    [
      "a damaged table",
      { partitions: apps, table: damaged(makePartitionTable(testBoard().partitions), 5) },
      "Incorrect MD5 checksum",
    ],
    ["no application", { partitions: {} }, "No bootable app partitions in the partition table"],
    [
      "another chip's application",
      { partitions: { ota_0: makeAppImage({ chipId: 9 }) } },
      "mismatch chip ID, expected 18, found 9",
    ],
    [
      "the other family's application",
      { partitions: { ota_0: makeAppImage({ revisionMin: 300, revisionMax: 399 }) } },
      "Image requires chip rev >= v3.0, but chip is v1.3",
    ],
    ["a torn application", { partitions: { ota_0: APP.subarray(0, 2_000) } }, "No bootable app partitions"],
    [
      "a damaged digest",
      { partitions: { ota_0: damaged(APP, APP.length - 3) } },
      "Image hash failed - image is corrupt",
    ],
    [
      "the other family's bootloader",
      { partitions: apps, bootloader: makeAppImage({ revisionMin: 300, revisionMax: 399, payloadBytes: 100 }) },
      "Image requires chip rev >= v3.0",
    ],
  ])("%s", async (_, contents, words) => {
    expect(await boot(contents)).toContain(words);
    expect(chip.running).toBeUndefined();
  });

  it("a partition that goes beyond the flash", async () => {
    const board = testBoard();
    const partitions = board.partitions.map((each) => (each.name === "model_b" ? { ...each, size: 2 ** 26 } : each));
    expect(await boot({ partitions: apps, table: makePartitionTable(partitions) })).toContain(
      "partition 8 invalid - offset 0x1760000 size 0x4000000 exceeds flash chip size 0x2000000",
    );
  });

  it("a table without the partitions of the device core", async () => {
    const partitions = testBoard().partitions.filter(({ name }) => name !== "settings");
    expect(await boot({ partitions: apps, table: makePartitionTable(partitions) })).toContain("E (");
    expect(chip.console).toContain("there is no partition for settings");
  });
});

describe("bootloader and board", () => {
  /** States of an OTA record: new, on trial, confirmed, invalid, aborted, never set. */
  const state = fc.constantFrom(0, 1, 2, 3, 4, 0xffff_ffff);
  const record = fc.option(fc.tuple(fc.constantFrom(1, 2, 3, 4, 7, 0, 0xffff_ffff), state), { nil: undefined });
  const app = fc.constantFrom("whole", "damaged", "other silicon", "none");

  it("choose the same application, whatever records and slots hold", async () => {
    const image = (version: string, what: string): Uint8Array => {
      const range = what === "other silicon" ? { revisionMin: 300, revisionMax: 399 } : {};
      const made = makeAppImage({ version, payloadBytes: 500, ...range });
      return what === "none" ? new Uint8Array() : what === "damaged" ? damaged(made, 700) : made;
    };
    await fc.assert(
      fc.asyncProperty(record, record, app, app, async (first, second, a, b) => {
        const records = [first, second].map((each) =>
          each === undefined ? new Uint8Array(4_096).fill(0xff) : makeOtaRecord(...each),
        );
        const partitions = { otadata: Buffer.concat(records), ota_0: image("0.0.1", a), ota_1: image("0.0.2", b) };
        const said = /App version: +(\S+)/.exec(await boot({ partitions }, { engine: "wasm" }))?.[1];
        expect(said === undefined).toBe(a !== "whole" && b !== "whole");
        const token = said && ((await ask("POST", "/v1/claim", {})).token as string);
        if (token)
          expect(await ask("GET", "/v1/device", undefined, token)).toMatchObject({ firmware: { version: said } });
        await chip.close();
      }),
      { numRuns: 25 },
    );
  });
});
