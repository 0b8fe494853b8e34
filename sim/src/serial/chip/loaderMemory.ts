import { RequestRefused } from "../protocol/loaderProtocol.js";
import type { SiliconFamily } from "./silicon.js";

/** Internal memory that programs can be put into and run from. */
const RAM_START = 0x4ff0_0000;
const RAM_END = 0x4ffc_0000;
/**
 * Espressif's stubs are linked for one family: below this address for the first, above it for the second. On the other
 * they jump into a ROM that is laid out differently, and crash.
 */
const FAMILY_BORDER = 0x4ff4_0000;

/** What a client has put into the chip's memory. The bytes themselves do not matter: nothing here runs them. */
export class LoaderMemory {
  #family: SiliconFamily;
  #at = 0;
  #remaining = 0;
  #ranges: { readonly start: number; readonly end: number }[] = [];

  constructor(family: SiliconFamily) {
    this.#family = family;
  }

  /** Throws RequestRefused where there is no memory. */
  begin(bytes: number, address: number): void {
    if (address < RAM_START || address + bytes > RAM_END) throw new RequestRefused("failed");
    this.#at = address;
    this.#remaining = bytes;
  }

  data(block: Uint8Array): void {
    if (block.length > this.#remaining) throw new RequestRefused("tooMuch");
    this.#ranges.push({ start: this.#at, end: this.#at + block.length });
    this.#at += block.length;
    this.#remaining -= block.length;
  }

  /** Whether there is a program at this address that runs on this chip. */
  runs(entry: number): boolean {
    const family = entry < FAMILY_BORDER ? "v1" : "v3";
    return family === this.#family && this.#ranges.some(({ start, end }) => entry >= start && entry < end);
  }
}
