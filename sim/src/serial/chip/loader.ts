import { createHash } from "node:crypto";
import {
  COMMAND,
  composeResponse,
  dataChecksum,
  type LoaderAnswer,
  type LoaderKind,
  type LoaderRequest,
  parseRequest,
  RequestRefused,
} from "../protocol/loaderProtocol.js";
import { slipFrame } from "../protocol/slip.js";
import { FlashReader } from "./flashReader.js";
import { FlashWriter } from "./flashWriter.js";
import { LoaderMemory } from "./loaderMemory.js";
import { type NorFlash, SECTOR_BYTES } from "./norFlash.js";
import type { Registers } from "./registers.js";
import { CHIP_ID, familyOf, type Silicon } from "./silicon.js";

/** What a loader does to the chip around it. */
export interface LoaderHost {
  send(bytes: Uint8Array): void;
  /** From the next byte on. */
  setBaud(rate: number): void;
  /** A block is in the flash. False: the loader hangs from here on. */
  written(): boolean;
  /** Leaves the loader; a crash does so too, and has something to say before. */
  reset(reason: "software" | "watchdog" | "crash"): void;
}

const SYNC_TEXT = [0x07, 0x07, 0x12, 0x20];
/** The ROM answers a SYNC with something, the stub with 0: clients tell the two apart by it. */
const ROM_SYNC_VALUE = 0x2012_0707;
const SYNC_ANSWERS = 8;
const SLOW_READ_BYTES = 64;
const DATA_HEADER_BYTES = 16;

type Handler = (request: LoaderRequest, words: Words) => LoaderAnswer | Promise<LoaderAnswer | undefined> | undefined;

/** Arguments of a request: little-endian words. */
class Words {
  #view: DataView;

  constructor(data: Uint8Array) {
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  get count(): number {
    return Math.floor(this.#view.byteLength / 4);
  }

  at(index: number): number {
    return this.#view.getUint32(4 * index, true);
  }
}

/**
 * A chip in download mode: its ROM's loader, and after a client has put Espressif's flasher stub into its memory and
 * started it, the stub. Requests are carried out one after the other. Nothing that a client sends throws, or reaches
 * anything but the flash.
 */
export class Loader {
  #kind: LoaderKind = "rom";
  #flash: NorFlash;
  #registers: Registers;
  #silicon: Silicon;
  #host: LoaderHost;
  #memory: LoaderMemory;
  #writer: FlashWriter | undefined;
  #reader: FlashReader | undefined;
  #last: Promise<void> = Promise.resolve();
  #left = false;

  constructor(silicon: Silicon, flash: NorFlash, registers: Registers, host: LoaderHost) {
    this.#silicon = silicon;
    this.#flash = flash;
    this.#registers = registers;
    this.#host = host;
    this.#memory = new LoaderMemory(familyOf(silicon.revision));
  }

  get kind(): LoaderKind {
    return this.#kind;
  }

  /** Resolves when everything that has come so far is done. */
  get idle(): Promise<void> {
    return this.#last;
  }

  /** Requests wait for what is still going on. */
  after(before: Promise<void>): void {
    this.#last = before;
  }

  frame(frame: Uint8Array): void {
    this.#last = this.#last.then(() => this.#take(frame));
  }

  /** Nothing that was begun goes on. */
  leave(): void {
    this.#left = true;
    this.#writer?.close();
    this.#writer = undefined;
    this.#reader = undefined;
  }

  async #take(frame: Uint8Array): Promise<void> {
    if (this.#left) return;
    if (this.#reader?.acknowledged(frame)) return this.#sendPieces(this.#reader);
    this.#reader = undefined;
    const request = parseRequest(frame);
    if (request === undefined) return;
    if (request === "length") return this.#respond(frame[1] as number, { refusal: "length" });
    const answer = await this.#answer(request);
    if (answer !== undefined && !this.#left) this.#respond(request.command, answer);
    this.#after(request, answer);
  }

  #respond(command: number, answer: LoaderAnswer): void {
    this.#host.send(slipFrame(composeResponse(this.#kind, command, answer)));
  }

  async #answer(request: LoaderRequest): Promise<LoaderAnswer | undefined> {
    const handler = this.#handlers[request.command];
    if (handler === undefined) return { refusal: "unknown" };
    const [words, stubOnly] = [WORDS[request.command] ?? 0, STUB_ONLY.has(request.command)];
    if (stubOnly && this.#kind === "rom") return { refusal: "unknown" };
    if (request.data.length < 4 * words) return { refusal: "length" };
    try {
      return await handler(request, new Words(request.data));
    } catch (error) {
      if (error instanceof RequestRefused) return { refusal: error.refusal };
      throw error;
    }
  }

  /** What happens once the answer is on its way. */
  #after(request: LoaderRequest, answer: LoaderAnswer | undefined): void {
    if (this.#left || answer?.refusal !== undefined) return;
    const words = new Words(request.data);
    if (request.command === COMMAND.memEnd && words.at(0) === 0) this.#run(words.at(1));
    if (request.command === COMMAND.changeBaudrate) this.#host.setBaud(words.at(0));
    if (request.command === COMMAND.readFlash && this.#reader) this.#sendPieces(this.#reader);
    if (request.command === COMMAND.writeReg && this.#watchdog) this.#host.reset("watchdog");
    if (request.command === COMMAND.flashEnd || request.command === COMMAND.flashDeflEnd) this.#ended(words.at(0));
  }

  #watchdog = false;

  /** The stub stays, or goes back to the ROM's loader; the ROM starts what is in the flash either way. */
  #ended(stay: number): void {
    if (this.#kind === "rom") this.#host.reset("software");
    else if (stay === 0) this.#kind = "rom";
  }

  #run(entry: number): void {
    if (!this.#memory.runs(entry)) {
      this.#host.reset("crash");
      return;
    }
    this.#kind = "stub";
    this.#host.send(slipFrame(new TextEncoder().encode("OHAI")));
  }

  #sendPieces(reader: FlashReader): void {
    for (const piece of reader.pieces()) this.#host.send(slipFrame(piece));
    if (reader.done) this.#reader = undefined;
  }

  #handlers: Readonly<Record<number, Handler>> = {
    [COMMAND.sync]: ({ command, data }) => {
      if (!SYNC_TEXT.every((byte, i) => data[i] === byte)) return { refusal: "length" };
      const answer = { value: this.#kind === "rom" ? ROM_SYNC_VALUE : 0 };
      for (let i = 1; i < SYNC_ANSWERS; i++) this.#respond(command, answer);
      return answer;
    },
    [COMMAND.readReg]: (_, words) => ({ value: this.#registers.read(words.at(0)) }),
    [COMMAND.writeReg]: (_, words) => {
      for (let i = 0; i + 4 <= words.count; i += 4)
        if (this.#registers.write(words.at(i), words.at(i + 1), words.at(i + 2))) this.#watchdog = true;
      return {};
    },
    [COMMAND.getSecurityInfo]: () => ({ data: this.#securityInfo() }),
    [COMMAND.memBegin]: (_, words) => {
      this.#memory.begin(words.at(0), words.at(3));
      return {};
    },
    [COMMAND.memData]: (request) => {
      this.#memory.data(block(request));
      return {};
    },
    [COMMAND.memEnd]: () => ({}),
    [COMMAND.spiAttach]: () => ({}),
    [COMMAND.spiSetParams]: () => ({}),
    [COMMAND.changeBaudrate]: () => ({}),
    [COMMAND.flashBegin]: (_, words) => this.#begin(words, false),
    [COMMAND.flashDeflBegin]: (_, words) => this.#begin(words, true),
    [COMMAND.flashData]: (request) => this.#write(request, false),
    [COMMAND.flashDeflData]: (request) => this.#write(request, true),
    [COMMAND.flashEnd]: () => this.#end(),
    [COMMAND.flashDeflEnd]: () => this.#end(),
    [COMMAND.spiFlashMd5]: (_, words) => {
      const digest = createHash("md5").update(this.#range(words.at(0), words.at(1)));
      // The ROM writes it out, the stub does not.
      return { data: this.#kind === "rom" ? new TextEncoder().encode(digest.digest("hex")) : digest.digest() };
    },
    [COMMAND.readFlashSlow]: (_, words) => {
      const data = new Uint8Array(SLOW_READ_BYTES);
      if (words.at(1) > data.length) return { refusal: "length" };
      data.set(this.#range(words.at(0), words.at(1)));
      return { data };
    },
    [COMMAND.eraseFlash]: () => {
      this.#flash.eraseAll();
      return {};
    },
    [COMMAND.eraseRegion]: (_, words) => {
      if (words.at(0) % SECTOR_BYTES !== 0 || words.at(1) % SECTOR_BYTES !== 0) return { refusal: "length" };
      return this.#flash.erase(words.at(0), words.at(1)) ? {} : { refusal: "flash" };
    },
    [COMMAND.readFlash]: (_, words) => {
      const pieceBytes = words.at(2);
      if (pieceBytes === 0 || pieceBytes > SECTOR_BYTES) return { refusal: "length" };
      this.#reader = new FlashReader(this.#range(words.at(0), words.at(1)), pieceBytes);
      return {};
    },
    [COMMAND.runUserCode]: () => {
      this.#host.reset("software");
      return undefined;
    },
  };

  #range(offset: number, bytes: number): Uint8Array {
    const found = this.#flash.read(offset, bytes);
    if (found === undefined) throw new RequestRefused("flash");
    return found;
  }

  #begin(words: Words, packed: boolean): LoaderAnswer {
    this.#writer?.close();
    this.#writer = undefined;
    const [bytes, blocks, blockBytes, offset] = [words.at(0), words.at(1), words.at(2), words.at(3)];
    this.#writer = new FlashWriter(this.#flash, { bytes, blocks, blockBytes, offset }, packed, this.#kind);
    return {};
  }

  async #write(request: LoaderRequest, packed: boolean): Promise<LoaderAnswer> {
    const writer = this.#writer;
    if (writer === undefined || writer.packed !== packed) return { refusal: "notBegun" };
    await writer.block(block(request));
    if (!this.#left && !this.#host.written()) this.leave();
    return {};
  }

  #end(): LoaderAnswer {
    const writer = this.#writer;
    if (writer === undefined) return { refusal: "notBegun" };
    if (this.#kind === "stub" && writer.remaining > 0) return { refusal: "notEnough" };
    writer.close();
    this.#writer = undefined;
    return {};
  }

  #securityInfo(): Uint8Array {
    const info = new Uint8Array(20);
    // No secure boot, no encryption, no keys; then who it is.
    new DataView(info.buffer).setUint32(12, CHIP_ID, true);
    new DataView(info.buffer).setUint32(16, this.#silicon.revision % 100, true);
    return info;
  }
}

/** The data of a block, whose length stands before it and whose checksum in the request's head. */
function block({ data, checksum }: LoaderRequest): Uint8Array {
  const bytes = data.subarray(DATA_HEADER_BYTES);
  if (new Words(data).at(0) !== bytes.length) throw new RequestRefused("length");
  if (dataChecksum(bytes) !== checksum) throw new RequestRefused("checksum");
  return bytes;
}

/** How many words of arguments a request has at least. */
const WORDS: Readonly<Record<number, number>> = {
  [COMMAND.sync]: 9,
  [COMMAND.readReg]: 1,
  [COMMAND.writeReg]: 4,
  [COMMAND.memBegin]: 4,
  [COMMAND.memData]: 4,
  [COMMAND.memEnd]: 2,
  [COMMAND.spiSetParams]: 6,
  [COMMAND.spiAttach]: 1,
  [COMMAND.readFlashSlow]: 2,
  [COMMAND.changeBaudrate]: 2,
  [COMMAND.flashBegin]: 4,
  [COMMAND.flashDeflBegin]: 4,
  [COMMAND.flashData]: 4,
  [COMMAND.flashDeflData]: 4,
  [COMMAND.flashEnd]: 1,
  [COMMAND.flashDeflEnd]: 1,
  [COMMAND.spiFlashMd5]: 4,
  [COMMAND.eraseRegion]: 2,
  [COMMAND.readFlash]: 4,
};

const STUB_ONLY: ReadonlySet<number> = new Set([
  COMMAND.eraseFlash,
  COMMAND.eraseRegion,
  COMMAND.readFlash,
  COMMAND.runUserCode,
]);
