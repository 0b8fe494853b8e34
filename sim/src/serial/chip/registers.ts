import type { Silicon } from "./silicon.js";
import { SpiController } from "./spiController.js";

const EFUSE_BLOCK1 = 0x5012_d044;
const CHIP_MAGIC = 0x4000_1000;
/** What the boot ROM has at that address, by family; newer clients ask for the chip's id instead. */
const CHIP_MAGIC_VALUE = { v1: 0x0add_bad0, v3: 0x0703_9ad9 } as const;
const GPIO_STRAP = 0x500e_0038;
const SPI_BASE = 0x5008_d000;
const SPI_BYTES = 0x400;
const WATCHDOG_CONFIG0 = 0x5011_6000;
const WATCHDOG_PROTECT = 0x5011_6018;
const WATCHDOG_KEY = 0x50d8_3aa1;
const WATCHDOG_ON = 0x8000_0000;

/**
 * The chip's registers as far as flashing programs read and write them: eFuses (who it is), straps, the SPI controller
 * of the flash, the watchdog with which they reset it. All others are memory that remembers what was
 * written and says 0 before.
 */
export class Registers {
  #words = new Map<number, number>();
  #spi: SpiController;

  constructor(silicon: Silicon) {
    this.#spi = new SpiController(silicon.flashBytes);
    for (const [i, word] of efuseBlock1(silicon).entries()) this.#words.set(EFUSE_BLOCK1 + 4 * i, word);
    this.#words.set(CHIP_MAGIC, CHIP_MAGIC_VALUE[silicon.revision < 300 ? "v1" : "v3"]);
    // In download mode the pin that asks for a start from flash is low.
    this.#words.set(GPIO_STRAP, 0);
  }

  read(address: number): number {
    if (address >= SPI_BASE && address < SPI_BASE + SPI_BYTES) return this.#spi.read(address - SPI_BASE);
    return this.#words.get(address) ?? 0;
  }

  /** True when the chip resets because of it. */
  write(address: number, value: number, mask = 0xffff_ffff): boolean {
    const before = this.read(address);
    const word = ((value & mask) | (before & ~mask)) >>> 0;
    if (address >= SPI_BASE && address < SPI_BASE + SPI_BYTES) this.#spi.write(address - SPI_BASE, word);
    else if (!this.#isFixed(address)) this.#writeWord(address, word);
    return this.#watchdogBites(address);
  }

  #writeWord(address: number, word: number): void {
    const locked = this.#words.get(WATCHDOG_PROTECT) !== WATCHDOG_KEY;
    if (address === WATCHDOG_CONFIG0 && locked) return;
    // So that a client that writes everywhere does not fill the machine's memory.
    if (this.#words.size < 65_536 || this.#words.has(address)) this.#words.set(address, word);
  }

  #isFixed(address: number): boolean {
    return address === CHIP_MAGIC || address === GPIO_STRAP || (address >= EFUSE_BLOCK1 && address < EFUSE_BLOCK1 + 24);
  }

  /**
   * Flashing programs start the watchdog and lock its registers again; the real one bites some milliseconds later, this
   * one at once, so that nothing depends on time.
   */
  #watchdogBites(address: number): boolean {
    const on = ((this.#words.get(WATCHDOG_CONFIG0) ?? 0) & WATCHDOG_ON) !== 0;
    return address === WATCHDOG_PROTECT && on && this.#words.get(WATCHDOG_PROTECT) !== WATCHDOG_KEY;
  }
}

/** Words 0 to 5: the MAC address, and in word 2 the wafer's revision. */
function efuseBlock1(silicon: Silicon): number[] {
  const mac = silicon.mac.split(":").map((text) => Number.parseInt(text, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac;
  const major = Math.floor(silicon.revision / 100);
  const minor = silicon.revision % 100;
  const wafer = (minor & 0xf) | ((major & 3) << 4) | (((major >> 2) & 1) << 23);
  return [((c << 24) | (d << 16) | (e << 8) | f) >>> 0, (a << 8) | b, wafer >>> 0, 0, 0, 0];
}
