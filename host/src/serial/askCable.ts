import { inputError } from "../files/inputError.js";
import type { FlashPort } from "../flash/espChip.js";
import { LineSplitter } from "./logLine.js";

export interface AskOptions {
  /** Until the board says that the question has come. */
  readonly heardMs: number;
  /** Between two frames of an answer; a self-test takes this long before its first. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
}

export interface CableAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

const BAUD_RATE = 115_200;
const TRIES = 3;
/** A frame has some hundred characters; what has no end by then is none. */
const TEXT_CHARACTERS_MAX = 65_536;
const BODY_BYTES_MAX = 8 << 20;
const FRAME = /~(\d{1,10}:\d{1,10}:[^:\s~]{1,64}):([0-9a-f]{8})/g;

/**
 * Asks boards over their serial console, as firmware/main/setup/cable.h describes it; frames may stand anywhere between
 * lines of the log. What the cable has spoilt is asked again.
 */
export class CableQuestions {
  readonly #port: FlashPort;
  readonly #options: AskOptions;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #text = "";
  /** Answers to others before are not taken for ours. */
  #id = Math.floor(Math.random() * 0x7fff_0000);
  readonly #lines = new LineSplitter();
  #lastLine = "";

  private constructor(port: FlashPort, options: AskOptions) {
    this.#port = port;
    this.#options = options;
    this.#chunks = (port.readable as ReadableStream<Uint8Array>)[Symbol.asyncIterator]();
  }

  /** Opens the port for `use`, and closes it. Rejects with what opening it rejects with. */
  static async with<Result>(
    port: FlashPort,
    options: AskOptions,
    use: (questions: CableQuestions) => Promise<Result>,
  ): Promise<Result> {
    await port.open({ baudRate: BAUD_RATE });
    try {
      // Both lines asserted would hold some boards in reset.
      await port.setSignals({ dataTerminalReady: false, requestToSend: false });
      return await use(new CableQuestions(port, options));
    } finally {
      await port.close();
    }
  }

  /**
   * Rejects with an InputError: `BOARD_SILENT` (nothing there answers questions), `BOARD_STOPPED` (it has stopped in
   * the middle), `BOARD_GARBLED` (nothing comes through whole), or what the port fails with.
   */
  async ask(method: string, target: string): Promise<CableAnswer> {
    let failure: Failure = "silent";
    for (let tries = 0; tries < TRIES; tries++) {
      const answer = await this.#askOnce(method, target);
      if (typeof answer !== "string") return answer;
      failure = answer;
    }
    throw this.#failed(failure, `${method} ${target}`);
  }

  async #askOnce(method: string, target: string): Promise<CableAnswer | Failure> {
    this.#id++;
    const question = `ask ${this.#id} ${method} ${target}`;
    // The line end before it ends what the cable may have left of another.
    await this.#send(`\n${question} ${crcOf(question)}\n`);
    const frames = new Frames();
    // A log that goes on is no answer: what counts is when the last frame came.
    let until = Date.now() + this.#options.heardMs;
    while (true) {
      const more = await this.#next(until - Date.now());
      if (more === undefined) return frames.count === 0 ? "silent" : "stopped";
      for (const { id, sequence, payload } of this.#framesIn(more)) {
        if (payload === "!" && (id === this.#id || id === 0)) return "garbled";
        if (id !== this.#id) continue;
        if (!frames.add(sequence, payload)) return "garbled";
        if (frames.answer !== undefined) return frames.answer;
        until = Date.now() + this.#options.silenceMs;
      }
    }
  }

  async #send(text: string): Promise<void> {
    const writer = this.#port.writable?.getWriter();
    await writer?.write(new TextEncoder().encode(text));
    writer?.releaseLock();
  }

  /** What comes next; undefined when nothing does for so long. */
  async #next(milliseconds: number): Promise<Uint8Array | undefined> {
    const { signal } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    let stop = (): void => undefined;
    this.#pending ??= this.#chunks.next();
    const late = new Promise<undefined>((resolve, reject) => {
      timer = setTimeout(() => resolve(undefined), milliseconds);
      stop = () => reject(signal.reason as Error);
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
    });
    try {
      const got = await Promise.race([this.#pending, late, this.#port.lost]);
      if (got === undefined) return undefined;
      this.#pending = undefined;
      if (got.done) throw this.#failed("stopped", "its line");
      return got.value;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      late.catch(() => undefined);
    }
  }

  #pending: Promise<IteratorResult<Uint8Array>> | undefined;

  #framesIn(bytes: Uint8Array): { id: number; sequence: number; payload: string }[] {
    this.#text += Buffer.from(bytes).toString("latin1");
    for (const line of this.#lines.push(bytes)) {
      if (/\S/.test(line) && !line.includes("~")) this.#lastLine = line.trim();
    }
    const found = [];
    let end = 0;
    for (const match of this.#text.matchAll(FRAME)) {
      const [, inside = "", crc] = match;
      end = match.index + match[0].length;
      if (crcOf(inside) !== crc) continue;
      const [id, sequence, payload = ""] = inside.split(":");
      found.push({ id: Number(id), sequence: Number(sequence), payload });
    }
    this.#text = this.#text.slice(end).slice(-TEXT_CHARACTERS_MAX);
    return found;
  }

  #failed(failure: Failure, what: string): Error {
    const says = this.#lastLine === "" ? "" : `; it says: ${this.#lastLine.slice(0, SAID_CHARACTERS_MAX)}`;
    if (failure === "silent") {
      return inputError(this.#port.name, "BOARD_SILENT", `nothing there answers questions${says}`, {
        expected: "a board that runs this project's firmware: `flash` puts it there, `monitor` shows what it says",
      });
    }
    if (failure === "stopped") {
      return inputError(this.#port.name, "BOARD_STOPPED", `the board stopped in the middle of ${what}${says}`, {
        expected: "a board that runs on; `synapse-host monitor` shows why it stops",
      });
    }
    return inputError(this.#port.name, "BOARD_GARBLED", `no answer to ${what} came through whole in ${TRIES} tries`, {
      expected: "another cable or port",
    });
  }
}

type Failure = "silent" | "stopped" | "garbled";
const SAID_CHARACTERS_MAX = 120;

/** CRC-32 of IEEE 802.3, in hexadecimal. */
function crcOf(text: string): string {
  let crc = 0xffff_ffff;
  for (const byte of Buffer.from(text, "latin1")) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  }
  return (~crc >>> 0).toString(16).padStart(8, "0");
}

/** The frames of one answer, which come in their order or not at all. */
class Frames {
  count = 0;
  answer: CableAnswer | undefined;
  #status = 0;
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** False when one before it is missing, or it is none. */
  add(sequence: number, payload: string): boolean {
    if (sequence !== this.count) return false;
    this.count++;
    if (sequence === 0) return payload === "+";
    if (sequence === 1) {
      this.#status = Number(/^=(\d{3})$/.exec(payload)?.[1]);
      return this.#status > 0;
    }
    if (payload.startsWith(".")) {
      if (Number(payload.slice(1)) !== this.#bytes) return false;
      this.answer = { status: this.#status, body: Buffer.concat(this.#pieces) };
      return true;
    }
    const piece = Buffer.from(payload, "base64");
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    return this.#bytes <= BODY_BYTES_MAX;
  }
}
