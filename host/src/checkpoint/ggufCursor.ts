import type { FileSource } from "../files/fileSource.js";
import { inputError } from "../files/inputError.js";

const WINDOW_BYTES = 1 << 18;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads the fields of a GGUF header in order, through a window on the file. Lengths are held against the rest of the
 * file before use.
 */
export class GgufCursor {
  readonly file: FileSource;
  #position: number;
  #window = new DataView(new ArrayBuffer(0));
  #windowStart = 0;

  constructor(file: FileSource, position: number) {
    this.file = file;
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.file.size - this.#position;
  }

  fail(code: string, message: string, expected?: string): Error {
    return inputError(this.file.path, code, message, {
      where: `byte ${this.#position}`,
      ...(expected === undefined ? {} : { expected }),
    });
  }

  u8(): number {
    const at = this.#advance(1);
    return this.#window.getUint8(at);
  }
  i8(): number {
    const at = this.#advance(1);
    return this.#window.getInt8(at);
  }
  u16(): number {
    const at = this.#advance(2);
    return this.#window.getUint16(at, true);
  }
  i16(): number {
    const at = this.#advance(2);
    return this.#window.getInt16(at, true);
  }
  u32(): number {
    const at = this.#advance(4);
    return this.#window.getUint32(at, true);
  }
  i32(): number {
    const at = this.#advance(4);
    return this.#window.getInt32(at, true);
  }
  f32(): number {
    const at = this.#advance(4);
    return this.#window.getFloat32(at, true);
  }
  f64(): number {
    const at = this.#advance(8);
    return this.#window.getFloat64(at, true);
  }
  u64(): bigint {
    const at = this.#advance(8);
    return this.#window.getBigUint64(at, true);
  }
  i64(): bigint {
    const at = this.#advance(8);
    return this.#window.getBigInt64(at, true);
  }

  /** A u64 that counts or measures something; `max` is its bound. */
  size(what: string, max: number): number {
    const value = this.u64();
    if (value > BigInt(max)) {
      this.#position -= 8;
      throw this.fail("GGUF_LIMIT_EXCEEDED", `${what} is ${value}`, `at most ${max}`);
    }
    return Number(value);
  }

  string(what: string, bytesMax: number): string {
    const length = this.size(`the length of ${what}`, bytesMax);
    const bytes = this.bytes(length);
    try {
      return UTF8.decode(bytes);
    } catch {
      this.#position -= length;
      throw this.fail("GGUF_NOT_UTF8", `${what} is not valid UTF-8`);
    }
  }

  /** The next `length` bytes in a buffer of their own. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const at = this.#advance(length);
    return new Uint8Array(this.#window.buffer as ArrayBuffer, this.#window.byteOffset + at, length).slice();
  }

  /**
   * Makes the window hold `length` bytes at the position, steps past them and answers where in the window they begin.
   */
  #advance(length: number): number {
    if (length > this.remaining) {
      throw this.fail("GGUF_TRUNCATED", `${length} bytes are needed, ${this.remaining} remain`, "a complete file");
    }
    const at = this.#position - this.#windowStart;
    this.#position += length;
    if (at + length <= this.#window.byteLength) return at;
    this.#windowStart = this.#position - length;
    const bytes = this.file.readAtSync(
      this.#windowStart,
      Math.min(this.file.size - this.#windowStart, Math.max(length, WINDOW_BYTES)),
    );
    this.#window = new DataView(bytes.buffer);
    return 0;
  }
}
