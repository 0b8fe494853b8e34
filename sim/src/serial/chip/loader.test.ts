import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { Xorshift32 } from "synapse-engine/testing/random";
import { describe, expect, it } from "vitest";
import { block, request, words } from "../../testing/loaderRequests.js";
import { COMMAND } from "../protocol/loaderProtocol.js";
import { SlipReader } from "../protocol/slip.js";
import { Loader } from "./loader.js";
import { NorFlash } from "./norFlash.js";
import { Registers } from "./registers.js";

const SECTOR = 4_096;
const FLASH_BYTES = 64 * SECTOR;
/** Where Espressif's stubs for each family begin. */
const STUB_AT = { 103: 0x4ff1_0000, 301: 0x4ff5_0000 } as const;

function random(bytes: number): Uint8Array {
  const numbers = new Xorshift32(7);
  return Uint8Array.from({ length: bytes }, () => numbers.below(256));
}

function start(revision: 103 | 301 = 103, contents = new Uint8Array(FLASH_BYTES).fill(0xff)) {
  const silicon = { revision, mac: "02:00:00:00:00:01", flashBytes: FLASH_BYTES };
  const flash = new NorFlash(FLASH_BYTES, contents);
  const said: Uint8Array[] = [];
  const resets: string[] = [];
  const reader = new SlipReader(100_000);
  const loader = new Loader(silicon, flash, new Registers(silicon), {
    send: (bytes) => void said.push(...reader.push(bytes)),
    setBaud: () => undefined,
    written: () => true,
    reset: (reason) => void resets.push(reason),
  });
  const ask = async (frame: Uint8Array): Promise<Uint8Array> => {
    loader.frame(frame);
    await loader.idle;
    return said.splice(0)[0] ?? new Uint8Array();
  };
  const startStub = async (at: number = STUB_AT[revision]): Promise<void> => {
    await ask(request(COMMAND.memBegin, words(4, 1, 4, at)));
    await ask(block(COMMAND.memData, words(0)));
    await ask(request(COMMAND.memEnd, words(0, at)));
  };
  return { loader, flash, said, resets, ask, startStub };
}

/** Two bytes at the end of an answer, before what the ROM adds. */
const status = (answer: Uint8Array, kind: "rom" | "stub"): number[] => [
  ...answer.subarray(...(kind === "rom" ? [-4, -2] : [-2])),
];

describe("a chip in download mode", () => {
  it("says OHAI when its family's stub is started, and resets when it is the other's", async () => {
    for (const revision of [103, 301] as const) {
      const right = start(revision);
      right.loader.frame(request(COMMAND.memBegin, words(4, 1, 4, STUB_AT[revision])));
      right.loader.frame(block(COMMAND.memData, words(0)));
      right.loader.frame(request(COMMAND.memEnd, words(0, STUB_AT[revision])));
      await right.loader.idle;
      expect(new TextDecoder().decode(right.said.at(-1))).toBe("OHAI");
      const wrong = start(revision);
      await wrong.startStub(STUB_AT[revision === 103 ? 301 : 103]);
      expect(wrong.resets).toEqual(["crash"]);
      expect(wrong.loader.kind).toBe("rom");
    }
  });

  it("writes a packed stretch as its blocks come, the window being full or the stream at its end", async () => {
    const { ask, flash, startStub } = start();
    await startStub();
    const data = random(40_000);
    const packed = deflateSync(data);
    const pieces = [packed.subarray(0, 36_000), packed.subarray(36_000)] as const;
    await ask(request(COMMAND.flashDeflBegin, words(data.length, 2, 36_000, SECTOR, 0)));
    expect(status(await ask(block(COMMAND.flashDeflData, pieces[0])), "stub")).toEqual([0, 0]);
    expect(flash.contents.subarray(SECTOR, SECTOR + 32_768)).toEqual(data.subarray(0, 32_768));
    expect(flash.contents[SECTOR + 32_768]).toBe(0xff);
    expect(status(await ask(request(COMMAND.flashDeflEnd, words(1))), "stub")).toEqual([1, 0xc8]);
    expect(status(await ask(block(COMMAND.flashDeflData, pieces[1], 1)), "stub")).toEqual([0, 0]);
    expect(status(await ask(request(COMMAND.flashDeflEnd, words(1))), "stub")).toEqual([0, 0]);
    expect(flash.contents.subarray(SECTOR, SECTOR + data.length)).toEqual(data);
    const answer = await ask(request(COMMAND.spiFlashMd5, words(SECTOR, data.length, 0, 0)));
    expect(answer.subarray(8, 24)).toEqual(new Uint8Array(createHash("md5").update(data).digest()));
  });

  it("refuses with the codes of ROM and stub what is damaged, unknown, not begun or outside the flash", async () => {
    const cases = [
      [request(COMMAND.flashData, new Uint8Array(20)), 0x06, 0xc6],
      [request(COMMAND.flashBegin, words(FLASH_BYTES, 1, 1024, SECTOR, 0)), 0x08, 0xc4],
      [request(COMMAND.spiFlashMd5, words(FLASH_BYTES, 1, 0, 0)), 0x08, 0xc4],
      [request(COMMAND.readReg, new Uint8Array(3)), 0x05, 0xc0],
      [request(0x77, new Uint8Array()), 0x05, 0xc3],
      [request(COMMAND.readReg, words(0)).subarray(0, 10), 0x05, 0xc0],
    ] as const;
    const [rom, stub] = [start(), start()];
    await stub.startStub();
    for (const [frame, romCode, stubCode] of cases) {
      expect(status(await rom.ask(frame), "rom")).toEqual([1, romCode]);
      expect(status(await stub.ask(frame), "stub")).toEqual([1, stubCode]);
    }
    expect(status(await rom.ask(request(COMMAND.eraseFlash, new Uint8Array())), "rom")).toEqual([1, 0x05]);
  });

  it("takes a block with a wrong checksum for nothing, and the right one after it", async () => {
    const { ask, flash, startStub } = start();
    await startStub();
    await ask(request(COMMAND.flashBegin, words(8, 1, 1024, 0, 0)));
    const right = block(COMMAND.flashData, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const wrong = Uint8Array.from(right);
    wrong[26] = 0x55;
    expect(status(await ask(wrong), "stub")).toEqual([1, 0xc1]);
    expect(flash.contents[0]).toBe(0xff);
    expect(status(await ask(right), "stub")).toEqual([0, 0]);
    expect([...flash.contents.subarray(0, 9)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 0xff]);
  });

  it("survives whatever the line brings, and changes flash only where a request may", async () => {
    const frames = fc.array(anyFrame, { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(frames, fc.boolean(), async (sent, stub) => {
        const contents = random(FLASH_BYTES);
        const { ask, flash, startStub, loader } = start(103, Uint8Array.from(contents));
        if (stub) await startStub();
        for (const frame of sent) await ask(frame);
        loader.leave();
        if (!sent.some(([, command]) => ERASING.has(command as number)))
          expect(Buffer.compare(flash.contents, contents)).toBe(0);
      }),
    );
  });
});

const ERASING: ReadonlySet<number> = new Set([
  COMMAND.flashBegin,
  COMMAND.flashDeflBegin,
  COMMAND.eraseFlash,
  COMMAND.eraseRegion,
]);

/** Arguments among which are the numbers that come close to something. */
const word = fc.oneof(
  fc.constantFrom(0, 1, SECTOR, FLASH_BYTES, FLASH_BYTES - SECTOR, STUB_AT[103], 0x5008_d000, 2 ** 32 - 1),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
);
const data = fc.oneof(
  fc.array(word, { maxLength: 6 }).map((list) => words(...list)),
  fc.uint8Array({ maxLength: 60 }),
);
const command = fc.oneof(fc.constantFrom(...Object.values(COMMAND)), fc.nat(255));
const anyFrame = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(command, data).map((given) => block(...given)) },
  { weight: 4, arbitrary: fc.tuple(command, data, fc.nat(255)).map((given) => request(...given)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
);
