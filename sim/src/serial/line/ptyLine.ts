import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { Chip } from "../chip/chip.js";
import { PTY_HELPER } from "./ptyHelper.js";
import type { Turns } from "./turns.js";

const HEAD_BYTES = 3;

/**
 * The chip's serial line as a pseudo terminal, for programs that want the path of a device. It has a rate and no
 * signals. Needs Python 3 and an operating system that has such terminals.
 */
export class PtyLine {
  #chip: Chip;
  #turns: Turns;
  #helper: ChildProcessByStdio<Writable, Readable, null>;
  #bytes: Buffer = Buffer.alloc(0);
  #path: string | undefined;
  #ready: (path: string | undefined) => void = () => undefined;
  #baud: number | undefined;
  /** Whose turn it is or will be, while a program has the terminal open. */
  #client: object | undefined;
  #mine = false;

  private constructor(chip: Chip, turns: Turns) {
    this.#chip = chip;
    this.#turns = turns;
    this.#helper = spawn("python3", ["-c", PTY_HELPER], { stdio: ["pipe", "pipe", "ignore"] });
  }

  /** Undefined where there is no Python 3, or no pseudo terminal. */
  static async open(chip: Chip, turns: Turns): Promise<PtyLine | undefined> {
    const line = new PtyLine(chip, turns);
    const path = await new Promise<string | undefined>((resolve) => {
      line.#ready = resolve;
      line.#helper.once("error", () => resolve(undefined));
      line.#helper.once("exit", () => resolve(undefined));
      // A helper that has ended takes nothing any more.
      line.#helper.stdin.on("error", () => undefined);
      line.#helper.stdout.on("data", (bytes: Buffer) => line.#receive(bytes));
    });
    return path === undefined ? undefined : line;
  }

  get path(): string {
    return this.#path ?? "";
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#helper.once("exit", resolve));
    this.#closed();
    if (this.#helper.exitCode !== null) return;
    this.#helper.kill();
    await ended;
  }

  #receive(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.#bytes.readUInt16BE(1);
      if (this.#bytes.length < end) return;
      const [letter, content] = [String.fromCharCode(this.#bytes[0] as number), this.#bytes.subarray(HEAD_BYTES, end)];
      this.#bytes = this.#bytes.subarray(end);
      this.#packet(letter, content);
    }
  }

  #packet(letter: string, content: Buffer): void {
    if (letter === "P") {
      this.#path = content.toString();
      this.#ready(this.#path);
    } else if (letter === "O") this.#opened();
    else if (letter === "C") this.#closed();
    else if (letter === "B") this.#baud = Number(content.toString()) || undefined;
    // A terminal cannot make its program wait, so what it says out of turn is lost.
    else if (letter === "D" && this.#mine) this.#chip.receive(content);
  }

  #opened(): void {
    const client = {};
    this.#client = client;
    this.#baud = undefined;
    const line = this;
    this.#turns.ask(client, () => {
      this.#mine = true;
      this.#chip.attach({
        signals: false,
        get baud() {
          return line.#baud;
        },
        send: (bytes) => void this.#helper.stdin.write(bytes),
        // The terminal stays, as that of a bridge with a power of its own: it falls silent.
        drop: () => this.#closed(),
      });
    });
  }

  #closed(): void {
    const client = this.#client;
    this.#client = undefined;
    this.#mine = false;
    if (client) this.#turns.leave(client, () => this.#chip.detach());
  }
}
