import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EngineError } from "synapse-engine/errors";
import { type BoardClock, realClock } from "../board/clock.js";
import type { DecodeImage } from "../board/virtualBoard.js";
import type { FromDecoder, ToDecoder } from "./decodeProcess.js";

interface DecoderLimits {
  /** Pictures decoded at once; the others wait. */
  readonly countMax: number;
  /** How long one picture may take, counted from when its turn has come. */
  readonly decodeMsMax: number;
}

export const DECODER_LIMITS: DecoderLimits = { countMax: 2, decodeMsMax: 10_000 };

/** Of the limits that are not given, `DECODER_LIMITS`. */
export interface DecoderOptions extends Partial<DecoderLimits> {
  /** Of that time; the machine's, unless given. */
  readonly clock?: BoardClock;
  /** What the processes run; `decodeProcess.js` unless given. */
  readonly program?: string;
}

interface Job {
  readonly message: ToDecoder;
  readonly resolve: (rgb: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Decodes pictures of strangers in processes of their own, so that whatever a picture costs, this process answers
 * meanwhile, and so that a picture which takes too long really ends: neither a thread nor the image library can be
 * stopped in the middle of a scan, a process can. Processes are started when there is something to decode,
 * and used again.
 */
export class PictureDecoder {
  readonly #countMax: number;
  readonly #decodeMsMax: number;
  readonly #clock: BoardClock;
  readonly #program: string | undefined;
  #idle = new Set<Decoder>();
  #busy = new Set<Decoder>();
  #waiting: Job[] = [];

  constructor(options: DecoderOptions = {}) {
    this.#countMax = options.countMax ?? DECODER_LIMITS.countMax;
    this.#decodeMsMax = options.decodeMsMax ?? DECODER_LIMITS.decodeMsMax;
    this.#clock = options.clock ?? realClock;
    this.#program = options.program;
  }

  /** Processes that are there now, at work or idle. */
  get processes(): readonly number[] {
    return [...this.#busy, ...this.#idle].map(({ pid }) => pid);
  }

  /**
   * As `decodeImage`, whose bytes may change once this has returned. Rejects with a sentence that says what is wrong.
   */
  readonly decode: DecodeImage = (bytes, { width, height }) =>
    new Promise((resolve, reject) => {
      this.#waiting.push({ message: { bytes: Uint8Array.from(bytes), width, height }, resolve, reject });
      this.#next();
    });

  #next(): void {
    while (this.#busy.size < this.#countMax) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      try {
        const [idle] = this.#idle;
        this.#run(idle ?? new Decoder(this.#program ?? programFile()), job);
      } catch (error) {
        job.reject(error as Error);
      }
    }
  }

  #run(decoder: Decoder, job: Job): void {
    this.#idle.delete(decoder);
    this.#busy.add(decoder);
    const end = (settle: () => void, usable: boolean) => {
      cancel();
      this.#busy.delete(decoder);
      if (usable) this.#rest(decoder);
      else decoder.kill();
      settle();
      this.#next();
    };
    const cancel = this.#clock.after(this.#decodeMsMax, () =>
      end(
        () =>
          job.reject(
            new Error(
              `the picture takes longer to decode than ${this.#decodeMsMax / 1000} s; a baseline JPEG, or one with ` +
                "fewer pixels, does not",
            ),
          ),
        false,
      ),
    );
    decoder.ask(
      job.message,
      (answer) => end(() => ("rgb" in answer ? job.resolve(answer.rgb) : job.reject(new Error(answer.problem))), true),
      () => end(() => job.reject(new Error("the picture cannot be decoded: its decoder has ended")), false),
    );
  }

  #rest(decoder: Decoder): void {
    this.#idle.add(decoder);
    decoder.rest(() => void this.#idle.delete(decoder));
  }

  /** Ends all processes. What was asked of them is not answered; what is asked from now on is. */
  close(): void {
    for (const decoder of [...this.#busy, ...this.#idle]) decoder.kill();
    this.#busy.clear();
    this.#idle.clear();
    this.#waiting = [];
  }
}

/** One process. While nothing is asked of it, it does not keep the program running. */
class Decoder {
  readonly #child: ChildProcess;
  #answered: (answer: FromDecoder) => void = () => undefined;
  #ended: () => void = () => undefined;

  constructor(program: string) {
    this.#child = fork(program, {
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#child.on("message", (answer: FromDecoder) => this.#answered(answer));
    // A process that could not be started, that has ended, or that does not listen any more.
    for (const event of ["error", "exit", "disconnect"]) this.#child.on(event, () => this.#ended());
    this.#keepAlive(false);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ask(message: ToDecoder, answered: (answer: FromDecoder) => void, ended: () => void): void {
    this.#keepAlive(true);
    this.#answered = answered;
    this.#ended = ended;
    this.#child.send(message, (error) => {
      if (error) this.#ended();
    });
  }

  /** Nothing is asked of it for now. */
  rest(ended: () => void): void {
    this.#keepAlive(false);
    this.#answered = () => undefined;
    this.#ended = ended;
  }

  kill(): void {
    this.rest(() => undefined);
    this.#child.kill("SIGKILL");
  }

  #keepAlive(on: boolean): void {
    const change = on ? "ref" : "unref";
    this.#child[change]();
    this.#child.channel?.[change]();
  }
}

/** The program as it was compiled: this file may run as its source, the program may not. */
function programFile(): string {
  const path = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "dist", "image", "decodeProcess.js");
  if (!existsSync(path)) throw new EngineError("BUILD_MISSING", `${path} does not exist; \`npm run build\` makes it`);
  return path;
}

let shared: PictureDecoder | undefined;

/** The decoder of all boards of this process. */
export function sharedPictureDecoder(): PictureDecoder {
  shared ??= new PictureDecoder();
  return shared;
}
