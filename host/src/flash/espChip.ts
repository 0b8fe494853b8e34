import { InputError } from "synapse-engine/errors";
import { inputError } from "../files/inputError.js";
import type { ChipFacts } from "./checkBuild.js";
import type { FlashChip } from "./chip.js";
import { ESP32_P4_CHIP_ID } from "./espImage.js";
import { type EspLoader, type EspTransport, type LoaderPort, loadEspTool, type ResetMode } from "./esptool.js";

/** A port that says when what is behind it has gone. */
export interface FlashPort extends LoaderPort {
  /** As the user knows it, for errors. */
  readonly name: string;
  /** Rejects when the cable is pulled or the connection breaks; resolves never. */
  readonly lost: Promise<never>;
}

export interface ConnectOptions {
  /** Of the transfer; the chip's own loader begins with 115,200. */
  readonly baudRate: number;
  readonly reset: ResetMode;
  /** How often the chip is reset and called; each time takes up to a second. */
  readonly attempts?: number;
}

/** A chip whose flash bus answers with all ones or zeros has no flash there. */
const FLASH_BYTES_LOG2_MIN = 0x12;
const FLASH_BYTES_LOG2_MAX = 0x1b;
/** JEDEC's codes of some makers do not go on where the others do. */
const FLASH_BYTES_LOG2_OTHERS: Readonly<Record<number, number>> = {
  32: 26,
  33: 27,
  34: 28,
  50: 18,
  51: 19,
  52: 20,
  53: 21,
  54: 22,
  55: 23,
  56: 24,
  57: 25,
  58: 26,
};

/** Erasing and writing a megabyte takes this long at worst. */
const WRITE_MS_PER_BYTE = 40e-3;
const ANSWER_MS = 3000;
/** How often a chip is called that answered and was then not understood. */
const CONVERSATIONS = 3;
const RESET_MS = 100;

/**
 * Calls the chip behind a port and asks what it is; nothing of its flash is changed. Rejects with an InputError
 * `CHIP_SILENT`, `CHIP_SECURE` or `CABLE_LOST`, or what opening the port rejects with.
 */
export async function connectChip(port: FlashPort, options: ConnectOptions): Promise<EspChip> {
  const { Transport, ESPLoader } = await loadEspTool();
  const quiet = { clean() {}, writeLine() {}, write() {} };
  for (let left = CONVERSATIONS - 1; ; left--) {
    const transport = new Transport(port, false);
    // It traces on the console some things that nobody has asked for.
    transport.trace = () => undefined;
    const loader = new ESPLoader({ transport, baudrate: options.baudRate, terminal: quiet });
    const chip = new EspChip(port, transport, loader);
    try {
      await chip.connect(options);
      return chip;
    } catch (error) {
      await chip.close().catch(() => undefined);
      // A byte that was lost while chip and host got to know each other: begin anew.
      if (left === 0 || !(error instanceof InputError) || error.code !== "CHIP_TROUBLE") throw error;
    }
  }
}

export class EspChip implements FlashChip {
  readonly #port: FlashPort;
  readonly #transport: EspTransport;
  readonly #loader: EspLoader;
  #facts: ChipFacts | undefined;

  constructor(port: FlashPort, transport: EspTransport, loader: EspLoader) {
    this.#port = port;
    this.#transport = transport;
    this.#loader = loader;
  }

  get facts(): ChipFacts {
    if (this.#facts === undefined) throw new Error("the chip was not asked yet");
    return this.#facts;
  }

  async connect({ baudRate, reset, attempts }: ConnectOptions): Promise<void> {
    const loader = this.#loader;
    await this.#ask(() => loader.detectChip(reset, attempts ?? 7), "CHIP_SILENT", {
      message: "no chip answers there",
      expected: "a board whose BOOT button is held while it is reset, on a cable that carries data",
    });
    if (loader.secureDownloadMode) {
      throw inputError(this.#port.name, "CHIP_SECURE", "the chip is in secure download mode", {
        expected: "a chip without it: its flash is changed over the air only",
      });
    }
    await this.#ask(async () => {
      const { chip } = loader;
      const chipId = chip.IMAGE_CHIP_ID ?? -1;
      const revision = (await chip.getChipRevision?.(loader)) ?? 0;
      const mac = await chip.readMac(loader);
      this.#facts = { name: chip.CHIP_NAME, chipId, revision, flashBytes: 0, mac };
      if (chipId !== ESP32_P4_CHIP_ID) return;
      await chip.postConnect?.(loader);
      await loader.runStub();
      if (baudRate !== 115_200) await loader.changeBaud();
      this.#facts = { ...this.#facts, flashBytes: flashBytesOf(await loader.readFlashId()) };
    });
  }

  async write(offset: number, bytes: Uint8Array, done: (bytes: number) => void): Promise<void> {
    const loader = this.#loader;
    const padded = paddedToWords(bytes);
    const compressed = await deflate(padded);
    const timeoutMs = Math.max(ANSWER_MS, padded.length * WRITE_MS_PER_BYTE);
    await this.#ask(async () => {
      await loader.flashDeflBegin(padded.length, compressed.length, offset);
      for (let at = 0, sequence = 0; at < compressed.length; at += loader.FLASH_WRITE_SIZE, sequence++) {
        const block = compressed.subarray(at, at + loader.FLASH_WRITE_SIZE);
        await loader.flashDeflBlock(block, sequence, timeoutMs);
        done(Math.floor((bytes.length * (at + block.length)) / compressed.length));
      }
      // The chip answers a block before it has written it, and anything else only afterwards.
      await loader.readReg(loader.CHIP_DETECT_MAGIC_REG_ADDR, timeoutMs);
    });
  }

  md5(offset: number, bytes: number): Promise<string> {
    return this.#ask(() => this.#loader.flashMd5sum(offset, bytes));
  }

  read(offset: number, bytes: number): Promise<Uint8Array> {
    return this.#ask(() => this.#loader.readFlash(offset, bytes));
  }

  async eraseAll(): Promise<void> {
    await this.#ask(() => this.#loader.eraseFlash());
  }

  settle(): Promise<void> {
    return this.#transport.drainInput();
  }

  async restart(): Promise<void> {
    await this.#port.setSignals({ dataTerminalReady: false, requestToSend: true });
    await new Promise((resolve) => setTimeout(resolve, RESET_MS));
    await this.#port.setSignals({ dataTerminalReady: false, requestToSend: false });
    await this.close();
  }

  close(): Promise<void> {
    return this.#transport.disconnect();
  }

  /** Runs a conversation with the chip. What esptool-js says of a failure is told in our words. */
  async #ask<T>(
    run: () => Promise<T>,
    code = "CHIP_TROUBLE",
    said?: { message: string; expected: string },
  ): Promise<T> {
    try {
      return await Promise.race([run(), this.#port.lost]);
    } catch (error) {
      if (error instanceof InputError) throw error;
      const message = said?.message ?? `the chip does not answer as it should: ${(error as Error).message.trim()}`;
      const expected = said?.expected ?? "a good cable, or a lower --baud";
      throw inputError(this.#port.name, code, message, { expected });
    }
  }
}

function flashBytesOf(id: number): number {
  const code = (id >> 16) & 0xff;
  if (code >= FLASH_BYTES_LOG2_MIN && code <= FLASH_BYTES_LOG2_MAX) return 2 ** code;
  const log2 = FLASH_BYTES_LOG2_OTHERS[code];
  return log2 === undefined ? 0 : 2 ** log2;
}

function paddedToWords(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4).fill(0xff);
  padded.set(bytes);
  return padded;
}

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
