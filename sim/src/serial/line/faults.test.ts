import { describe, expect, it } from "vitest";
import { block, request, syncRequest, words } from "../../testing/loaderRequests.js";
import { Chip } from "../chip/chip.js";
import { NorFlash } from "../chip/norFlash.js";
import { COMMAND } from "../protocol/loaderProtocol.js";
import { SlipReader, slipFrame } from "../protocol/slip.js";
import { NoisyCable } from "./faults.js";

const SECTOR = 4_096;
const FLASH_BYTES = 16 * SECTOR;
const BLOCK_BYTES = 1_024;
const BLOCKS = 6;
const IMAGE = new Uint8Array(BLOCKS * BLOCK_BYTES).map((_, i) => (i * 31 + (i >> 8)) & 0xff);

function start() {
  const silicon = { revision: 103, mac: "02:00:00:00:00:01", flashBytes: FLASH_BYTES };
  const flash = new NorFlash(FLASH_BYTES);
  const chip = new Chip(silicon, flash, async () => ({ receive: () => undefined, stop: async () => undefined }));
  return { chip, flash };
}

/** A program on the line; `baud` may change. */
function connect(chip: Chip, baud?: number) {
  const reader = new SlipReader(100_000);
  const answers: Uint8Array[] = [];
  const peer = {
    signals: false,
    baud,
    dropped: false,
    send: (bytes: Uint8Array) => void answers.push(...reader.push(bytes)),
    drop: () => {
      peer.dropped = true;
    },
  };
  chip.attach(peer);
  const ask = async (frame: Uint8Array): Promise<Uint8Array | undefined> => {
    answers.length = 0;
    chip.receive(slipFrame(frame));
    await chip.idle();
    // Bytes by chance may form a frame, but no answer to this.
    return answers.find((answer) => answer[0] === 1 && answer[1] === frame[1]);
  };
  return { peer, ask };
}

type Asks = ReturnType<typeof connect>["ask"];

/** How many blocks were answered. */
async function writeImage(ask: Asks): Promise<number> {
  await ask(syncRequest());
  await ask(request(COMMAND.flashBegin, words(IMAGE.length, BLOCKS, BLOCK_BYTES, SECTOR, 0)));
  for (let i = 0; i < BLOCKS; i++) {
    const data = IMAGE.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
    if ((await ask(block(COMMAND.flashData, data, i))) === undefined) return i;
  }
  return BLOCKS;
}

describe("a bad cable", () => {
  it("that is pulled at any block leaves the flash as far as it was written, and a chip that starts anew", async () => {
    for (let at = 1; at <= BLOCKS; at++) {
      const { chip, flash } = start();
      chip.faults = { unplugAtBlock: at };
      const first = connect(chip);
      expect(await writeImage(first.ask)).toBe(at - 1);
      expect(first.peer.dropped).toBe(true);
      const written = SECTOR + at * BLOCK_BYTES;
      expect(flash.contents.subarray(SECTOR, written)).toEqual(IMAGE.subarray(0, at * BLOCK_BYTES));
      expect(flash.contents.subarray(written).every((byte) => byte === 0xff)).toBe(true);
      chip.detach();
      const second = connect(chip);
      await chip.idle();
      expect(chip.mode).toBe("application");
      expect(chip.console).toContain("POWERON");
      expect(await writeImage(second.ask)).toBe(BLOCKS);
      expect(flash.contents.subarray(SECTOR, SECTOR + IMAGE.length)).toEqual(IMAGE);
    }
  });

  it("leaves a hanging loader silent until the chip is reset", async () => {
    const { chip } = start();
    chip.faults = { stuckAtBlock: 3 };
    const { ask } = connect(chip);
    expect(await writeImage(ask)).toBe(2);
    expect(await ask(syncRequest())).toBeUndefined();
    chip.reset("power-on");
    await chip.idle();
    expect(await writeImage(ask)).toBe(BLOCKS);
  });

  it("with a wrong rate at one end brings garbage, until the rates are the same", async () => {
    const { chip } = start();
    const { ask, peer } = connect(chip, 115_200);
    expect(await ask(syncRequest())).toBeDefined();
    await ask(request(COMMAND.changeBaudrate, words(921_600, 0)));
    expect(await ask(syncRequest())).toBeUndefined();
    peer.baud = 921_600;
    expect(await ask(syncRequest())).toBeDefined();
  });

  it("that is too slow for a rate brings garbage at it, and all bytes below it", async () => {
    const { chip } = start();
    chip.faults = { baudMax: 460_800 };
    const { ask } = connect(chip);
    await ask(syncRequest());
    await ask(request(COMMAND.changeBaudrate, words(460_800, 0)));
    expect(await ask(syncRequest())).toBeDefined();
    await ask(request(COMMAND.changeBaudrate, words(921_600, 0)));
    expect(await ask(syncRequest())).toBeUndefined();
  });

  it("loses and flips as many bytes as it says, the same ones for the same seed", () => {
    const sent = new Uint8Array(100_000);
    const carry = (seed: number, faults: { lostPerMillion?: number; flippedPerMillion?: number }) =>
      new NoisyCable({ seed, ...faults }).carry(sent, undefined, undefined);
    const lossy = sent.length - carry(5, { lostPerMillion: 10_000 }).length;
    expect(lossy).toBeGreaterThan(800);
    expect(lossy).toBeLessThan(1_200);
    const flipped = carry(5, { flippedPerMillion: 10_000 });
    expect(flipped.length).toBe(sent.length);
    const wrong = flipped.filter((byte) => byte !== 0);
    expect(wrong.length).toBeGreaterThan(800);
    expect(wrong.every((byte) => (byte & (byte - 1)) === 0)).toBe(true);
    expect(carry(5, { flippedPerMillion: 10_000 })).toEqual(flipped);
    expect(carry(6, { flippedPerMillion: 10_000 })).not.toEqual(flipped);
  });

  it("lets no block into the flash whose checksum is wrong", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { chip, flash } = start();
      const { ask } = connect(chip);
      await ask(syncRequest());
      await ask(request(COMMAND.flashBegin, words(IMAGE.length, BLOCKS, BLOCK_BYTES, SECTOR, 0)));
      chip.faults = { seed, lostPerMillion: 300, flippedPerMillion: 300 };
      let written = 0;
      for (let tries = 0; written < BLOCKS && tries < 1_000; tries++) {
        const data = IMAGE.subarray(written * BLOCK_BYTES, (written + 1) * BLOCK_BYTES);
        await ask(block(COMMAND.flashData, data, written));
        // What is in the flash says whether it was taken, as an answer may have been lost too.
        const place = flash.contents.subarray(SECTOR + written * BLOCK_BYTES, SECTOR + (written + 1) * BLOCK_BYTES);
        if (place.every((byte) => byte === 0xff)) continue;
        expect(place, `seed ${seed}`).toEqual(data);
        written++;
      }
      expect(written).toBe(BLOCKS);
    }
  });
});
