import { type LoaderKind, RequestRefused } from "../protocol/loaderProtocol.js";
import { Inflater } from "./inflater.js";
import type { NorFlash } from "./norFlash.js";

export interface WriteBegin {
  /** Of what is going to be written, unpacked. */
  readonly bytes: number;
  readonly blocks: number;
  readonly blockBytes: number;
  readonly offset: number;
}

/** The stub has one window of unpacked bytes, and writes when it is full or the stream has ended. */
const WINDOW_BYTES = 32_768;

/**
 * One stretch of flash on its way from the client. Blocks are written in the order in which they come, whatever number
 * they carry: a client that sends one twice because an answer got lost has written something else, and only its
 * checksum tells.
 */
export class FlashWriter {
  #flash: NorFlash;
  #at: number;
  #remaining: number;
  #inflater: Inflater | undefined;
  #window: Uint8Array = new Uint8Array();

  /** Erases what is going to be written. Throws RequestRefused when it does not lie in the flash. */
  constructor(flash: NorFlash, begin: WriteBegin, packed: boolean, kind: LoaderKind) {
    this.#flash = flash;
    this.#at = begin.offset;
    // The ROM writes whole blocks and leaves it to the client what fills the last one.
    this.#remaining = kind === "rom" && !packed ? begin.blocks * begin.blockBytes : begin.bytes;
    if (!flash.erase(begin.offset, begin.bytes)) throw new RequestRefused("flash");
    if (packed) this.#inflater = new Inflater();
  }

  /** Of the unpacked bytes that have not come yet. */
  get remaining(): number {
    return this.#remaining;
  }

  get packed(): boolean {
    return this.#inflater !== undefined;
  }

  async block(data: Uint8Array): Promise<void> {
    if (this.#inflater === undefined) return this.#write(data.subarray(0, this.#remaining));
    const unpacked = await this.#inflater.push(data);
    if (unpacked === undefined) throw new RequestRefused("inflate");
    this.#window = Buffer.concat([this.#window, unpacked]);
    if (this.#window.length > this.#remaining) throw new RequestRefused("tooMuch");
    const last = this.#window.length === this.#remaining;
    const ready = last ? this.#window.length : this.#window.length - (this.#window.length % WINDOW_BYTES);
    this.#write(this.#window.subarray(0, ready));
    this.#window = this.#window.subarray(ready);
  }

  #write(data: Uint8Array): void {
    if (!this.#flash.write(this.#at, data)) throw new RequestRefused("flash");
    this.#at += data.length;
    this.#remaining -= data.length;
  }

  close(): void {
    this.#inflater?.close();
  }
}
