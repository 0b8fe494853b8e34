import { createInflate, type Inflate } from "node:zlib";

/** Unpacks a zlib stream that comes in blocks. */
export class Inflater {
  #stream: Inflate = createInflate();
  #out: Uint8Array[] = [];
  #failed = false;
  #wake: (() => void) | undefined;

  constructor() {
    this.#stream.on("data", (bytes: Uint8Array) => void this.#out.push(bytes));
    this.#stream.on("error", () => {
      this.#failed = true;
      this.#wake?.();
    });
  }

  /** What this block brings, or undefined when the stream is damaged. What comes after the stream's end is ignored. */
  async push(block: Uint8Array): Promise<Uint8Array | undefined> {
    if (!this.#failed && block.length > 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#stream.write(block, () => resolve());
      });
      // What was unpacked last is handed out before anything else happens.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.#failed ? undefined : Buffer.concat(this.#out.splice(0));
  }

  close(): void {
    this.#stream.destroy();
  }
}
