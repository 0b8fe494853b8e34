import { describe, expect, it } from "vitest";
import { NorFlash } from "./norFlash.js";

const SECTOR = 4_096;

describe("the flash behind the loader", () => {
  it("lets bits go from 1 to 0 only, until their sector is erased", () => {
    const flash = new NorFlash(4 * SECTOR);
    expect(flash.write(SECTOR, Uint8Array.of(0b1100))).toBe(true);
    expect(flash.write(SECTOR, Uint8Array.of(0b1010))).toBe(true);
    expect(flash.contents[SECTOR]).toBe(0b1000);
    expect(flash.erase(SECTOR + 5, 1)).toBe(true);
    expect(flash.contents.every((byte) => byte === 0xff)).toBe(true);
  });

  it("erases every sector that the range touches and no other", () => {
    const flash = new NorFlash(4 * SECTOR, new Uint8Array(4 * SECTOR));
    expect(flash.erase(SECTOR - 1, 2)).toBe(true);
    expect([0, 1, 2, 3].map((sector) => flash.contents[sector * SECTOR])).toEqual([0xff, 0xff, 0, 0]);
  });

  it("refuses what does not lie in it, and leaves everything as it was", () => {
    const flash = new NorFlash(SECTOR, new Uint8Array(SECTOR));
    for (const offset of [-1, SECTOR, SECTOR - 1, 2 ** 32 - 1, Number.NaN, 0.5]) {
      expect(flash.write(offset, Uint8Array.of(0xff, 0xff))).toBe(false);
      expect(flash.erase(offset, 2)).toBe(false);
      expect(flash.read(offset, 2)).toBeUndefined();
    }
    expect(flash.contents.every((byte) => byte === 0)).toBe(true);
  });
});
