const COMMAND = 0x00;
const USER2 = 0x20;
const DATA0 = 0x58;
const RUN_USER_COMMAND = 1 << 18;

const READ_ID = 0x9f;
const READ_STATUS = [0x05, 0x35, 0x15];
const WRITE_ENABLE = 0x06;
const WRITE_DISABLE = 0x04;

/** GigaDevice's series of 3.3 V flash; the last byte says how large one is. */
const MANUFACTURER = 0xc8;
const MEMORY_TYPE = 0x40;

/**
 * The controller through which loaders give the flash single commands, a register write at a time. It knows those that
 * flashing programs send: who the flash is, and its status.
 */
export class SpiController {
  #words = new Map<number, number>();
  #id: number;
  #writeEnabled = false;

  constructor(flashBytes: number) {
    this.#id = MANUFACTURER | (MEMORY_TYPE << 8) | (Math.ceil(Math.log2(flashBytes)) << 16);
  }

  read(offset: number): number {
    return this.#words.get(offset) ?? 0;
  }

  write(offset: number, word: number): void {
    if (offset === COMMAND && (word & RUN_USER_COMMAND) !== 0) this.#run((this.#words.get(USER2) ?? 0) & 0xff);
    // Commands are over at once, so the bits that start them read as 0.
    else if (offset !== COMMAND) this.#words.set(offset, word);
  }

  #run(command: number): void {
    if (command === READ_ID) this.#words.set(DATA0, this.#id);
    else if (READ_STATUS.includes(command)) this.#words.set(DATA0, command === 0x05 && this.#writeEnabled ? 2 : 0);
    else if (command === WRITE_ENABLE) this.#writeEnabled = true;
    else if (command === WRITE_DISABLE) this.#writeEnabled = false;
    else this.#words.set(DATA0, 0);
  }
}
