import type { Duplex } from "node:stream";
import { inputError } from "../files/inputError.js";
import type { FlashPort } from "../flash/espChip.js";

/** A serial line, or something that stands for one, as Node has it. */
export interface Line {
  readonly stream: Duplex;
  setBaudRate(baudRate: number): Promise<void>;
  setSignals(signals: Parameters<FlashPort["setSignals"]>[0]): Promise<void>;
  close(): Promise<void>;
}

export interface StreamPortOptions {
  /** As the user knows it. */
  readonly name: string;
  readonly usb?: ReturnType<FlashPort["getInfo"]>;
  /** Rejects with an InputError when it cannot be had. */
  openLine(baudRate: number): Promise<Line>;
}

/** A line in the shape of Web Serial's port, which esptool-js wants. */
export class StreamPort implements FlashPort {
  readonly name: string;
  readonly lost: Promise<never>;
  readable: ReadableStream<Uint8Array> | null = null;
  writable: WritableStream<Uint8Array> | null = null;
  readonly #options: StreamPortOptions;
  #line: Line | undefined;
  #lose!: (error: Error) => void;

  constructor(options: StreamPortOptions) {
    this.name = options.name;
    this.#options = options;
    this.lost = new Promise((_, reject) => {
      this.#lose = reject;
    });
    // Nobody may be waiting for an answer when the cable is pulled.
    this.lost.catch(() => undefined);
  }

  async open({ baudRate }: { baudRate: number }): Promise<void> {
    const line = await this.#options.openLine(baudRate);
    this.#line = line;
    const { stream } = line;
    let incoming: ReadableStreamDefaultController<Uint8Array> | undefined;
    const gone = () => {
      // Whoever closes the port himself has let go of the line before.
      if (this.#line !== line) return;
      this.#lose(
        inputError(this.name, "CABLE_LOST", "the connection to the board has broken", {
          expected: "the cable in its place; `flash --resume` goes on where it broke",
        }),
      );
    };
    stream.on("data", (bytes: Uint8Array) => incoming?.enqueue(new Uint8Array(bytes)));
    stream.on("error", gone).on("end", gone).on("close", gone);
    this.readable = new ReadableStream({
      start(controller) {
        incoming = controller;
      },
    });
    this.writable = new WritableStream({
      write: (bytes) =>
        new Promise((resolve, reject) => stream.write(bytes, (error) => (error ? reject(error) : resolve()))),
    });
  }

  async close(): Promise<void> {
    const line = this.#line;
    this.#line = undefined;
    this.readable = null;
    this.writable = null;
    await line?.close();
  }

  async setSignals(signals: Parameters<FlashPort["setSignals"]>[0]): Promise<void> {
    await this.#line?.setSignals(signals);
  }

  async setBaudRate(baudRate: number): Promise<void> {
    await this.#line?.setBaudRate(baudRate);
  }

  getInfo(): ReturnType<FlashPort["getInfo"]> {
    return this.#options.usb ?? {};
  }
}
