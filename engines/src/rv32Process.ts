import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { EngineError } from "./errors.js";
import { encodeFrame, FrameReader } from "./rv32Frames.js";

const ANSWER_DONE = 0;
const ANSWER_TRAP = 1;
const STDERR_CHARACTERS_MAX = 4096;
/**
 * The guest ends after ten silent minutes (engines/rv32/serial.zig),
 * so that it does not outlive a host that was killed.
 */
const PING_INTERVAL_MS = 60_000;
const COMMAND_PING = 2;

const CAUSES: Readonly<Record<number, string>> = {
  0: "instruction address misaligned",
  1: "instruction access fault",
  2: "illegal instruction",
  3: "breakpoint",
  4: "load address misaligned",
  5: "load access fault",
  6: "store address misaligned",
  7: "store access fault",
};

const living = new Set<ChildProcessWithoutNullStreams>();
function killAll(): void {
  for (const child of living) child.kill("SIGKILL");
}

interface Pending {
  readonly resolve: (words: number[]) => void;
  readonly reject: (error: EngineError) => void;
}

/**
 * A running emulator that answers one frame to each frame it is sent. While no answer is due,
 * it does not keep the program alive.
 */
export class Rv32Process {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #frames = new FrameReader();
  readonly #timeoutMs: number;
  readonly #exited: Promise<void>;
  readonly #ping: NodeJS.Timeout;
  #pending: Pending | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #stderr = "";
  #ended: EngineError | undefined;

  constructor(command: string, args: readonly string[], timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    if (living.size === 0) process.on("exit", killAll);
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], windowsHide: true });
    living.add(this.#child);
    this.#child.stdout.on("data", (bytes: Buffer) => this.#receive(bytes));
    this.#child.stderr.on("data", (bytes: Buffer) => {
      this.#stderr = (this.#stderr + bytes.toString()).slice(-STDERR_CHARACTERS_MAX);
    });
    // Writing to a process that has ended is reported here too; its end is what counts.
    this.#child.stdin.on("error", () => undefined);
    this.#exited = new Promise((resolve) => {
      this.#child.once("error", (cause: NodeJS.ErrnoException) => {
        this.#end(
          cause.code === "ENOENT"
            ? missing(command)
            : new EngineError("STOPPED", `cannot start ${command}: ${cause.message}`),
        );
        this.#forget();
        resolve();
      });
      this.#child.once("close", (code, signal) => {
        const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
        const said = this.#stderr.trim() === "" ? "" : `: ${this.#stderr.trim()}`;
        this.#end(new EngineError("STOPPED", `the emulator ended ${how}${said}`));
        this.#forget();
        resolve();
      });
    });
    this.#ping = setInterval(() => {
      if (!this.#pending && !this.#ended) this.request([COMMAND_PING]).catch(() => undefined);
    }, PING_INTERVAL_MS);
    this.#ping.unref();
    this.#hold(false);
  }

  get processId(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves when the guest has said that it listens; what is sent earlier is lost. */
  started(timeoutMs: number): Promise<number[]> {
    return this.request([], timeoutMs);
  }

  /** Sends a command and answers the values that follow `done`. Commands are answered one after the other. */
  request(words: readonly number[], timeoutMs = this.#timeoutMs): Promise<number[]> {
    const answer = this.#last.then(() => this.#exchange(words, timeoutMs));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /** Lets the guest leave by itself, or ends it. When this resolves the process is gone. */
  async close(exitCommand: number): Promise<void> {
    if (!this.#ended) await this.request([exitCommand], 5000).catch(() => undefined);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 2000);
    this.#hold(true);
    await this.#exited;
    clearTimeout(timer);
  }

  #exchange(words: readonly number[], timeoutMs: number): Promise<number[]> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      const timer = setTimeout(() => {
        this.#end(new EngineError("TIMEOUT", `the emulated core has not answered for ${timeoutMs / 1000} s`));
        this.#child.kill("SIGKILL");
      }, timeoutMs);
      const settle = () => {
        clearTimeout(timer);
        this.#pending = undefined;
        this.#hold(false);
      };
      this.#pending = {
        resolve: (values) => {
          settle();
          resolve(values);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      this.#hold(true);
      if (words.length > 0) this.#child.stdin.write(encodeFrame(words));
    });
  }

  #receive(bytes: Uint8Array): void {
    try {
      for (const words of this.#frames.push(bytes)) this.#answer(words);
    } catch (cause) {
      this.#end(cause as EngineError);
      this.#child.kill("SIGKILL");
    }
  }

  #answer(words: readonly number[]): void {
    const [kind, ...values] = words;
    if (kind === ANSWER_DONE) this.#pending?.resolve(values);
    else if (kind === ANSWER_TRAP) this.#end(trap(values));
    else this.#end(new EngineError("PROTOCOL", `the emulated core refused a frame (reason ${values[0]})`));
  }

  /** The first reason counts: whatever follows is its consequence. */
  #end(reason: EngineError): void {
    this.#ended ??= reason;
    this.#pending?.reject(this.#ended);
  }

  #forget(): void {
    clearInterval(this.#ping);
    living.delete(this.#child);
    if (living.size === 0) process.off("exit", killAll);
  }

  #hold(alive: boolean): void {
    const streams = [this.#child.stdin, this.#child.stdout, this.#child.stderr] as unknown as Socket[];
    for (const handle of [this.#child, ...streams]) alive ? handle.ref() : handle.unref();
  }
}

function trap([cause = 0, address = 0, value = 0]: readonly number[]): EngineError {
  const name = CAUSES[cause] ?? "unknown cause";
  const hex = (word: number) => `0x${word.toString(16).padStart(8, "0")}`;
  return new EngineError(
    "TRAP",
    `the emulated core trapped: ${name} (mcause ${cause}) at mepc ${hex(address)}, mtval ${hex(value)}`,
  );
}

function missing(command: string): EngineError {
  return new EngineError(
    "QEMU_MISSING",
    `${command} is not installed; it emulates the RISC-V core (Debian and Ubuntu: apt-get install qemu-system-misc)`,
  );
}
