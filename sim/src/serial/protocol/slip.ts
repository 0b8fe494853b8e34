/** RFC 1055 as Espressif's loaders use it: a delimiter before and after each frame. */

const END = 0xc0;
const ESCAPE = 0xdb;
const ESCAPED_END = 0xdc;
const ESCAPED_ESCAPE = 0xdd;

/** A frame with its delimiters, as it goes over the line. */
export function slipFrame(content: Uint8Array): Uint8Array {
  const out = new Uint8Array(2 * content.length + 2);
  let at = 0;
  out[at++] = END;
  for (const byte of content) {
    if (byte === END || byte === ESCAPE) {
      out[at++] = ESCAPE;
      out[at++] = byte === END ? ESCAPED_END : ESCAPED_ESCAPE;
    } else out[at++] = byte;
  }
  out[at++] = END;
  return out.subarray(0, at);
}

/**
 * Takes a line's bytes in pieces of any length and gives the frames in them. What is no frame (noise between frames, an
 * unknown escape, more than `bytesMax`) is dropped up to the next delimiter.
 */
export class SlipReader {
  #buffer: Uint8Array;
  #length = 0;
  #state: "noise" | "frame" | "escape" = "noise";

  constructor(bytesMax: number) {
    this.#buffer = new Uint8Array(bytesMax);
  }

  push(bytes: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const byte of bytes) {
      if (byte === END) {
        if (this.#state === "frame" && this.#length > 0) frames.push(this.#buffer.slice(0, this.#length));
        this.#length = 0;
        this.#state = "frame";
      } else if (this.#state === "escape") {
        const meant = byte === ESCAPED_END ? END : byte === ESCAPED_ESCAPE ? ESCAPE : undefined;
        if (meant === undefined) this.reset();
        else this.#put(meant);
      } else if (this.#state === "frame") {
        if (byte === ESCAPE) this.#state = "escape";
        else this.#put(byte);
      }
    }
    return frames;
  }

  /** Forgets a frame under way. */
  reset(): void {
    this.#state = "noise";
    this.#length = 0;
  }

  #put(byte: number): void {
    if (this.#length === this.#buffer.length) this.reset();
    else {
      this.#buffer[this.#length++] = byte;
      this.#state = "frame";
    }
  }
}
