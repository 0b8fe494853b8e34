/** Ends the reading with an error at the place of the opcode. */
export type Reject = (code: string, message: string, expected?: string) => never;

/** Reads an opcode's arguments; every length is held against the rest of the pickle. */
export class PickleBytes {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #reject: Reject;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #position = 0;

  constructor(bytes: Uint8Array, reject: Reject) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#reject = reject;
  }

  get position(): number {
    return this.#position;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }
  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }
  /** Rounded where a number cannot hold it: such a length fails its check anyway. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }
  /** Big-endian, unlike everything else in a pickle. */
  f64(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }

  skip(length: number): void {
    this.#take(length);
  }

  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(length: number): string {
    try {
      return this.#utf8.decode(this.bytes(length));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return this.#reject("PICKLE_MALFORMED", "a string is not valid UTF-8");
    }
  }

  /** Up to the next line feed, which is passed over. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    if (end < 0) this.#reject("PICKLE_TRUNCATED", "a line does not end", "a complete file");
    const line = this.text(end - this.#position);
    this.#position++;
    return line;
  }

  /** A two's complement little-endian integer of `length` bytes; none mean 0. */
  integer(length: number): number | bigint {
    let value = 0n;
    const bytes = this.bytes(length);
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
    const signed = BigInt.asIntN(length * 8, value);
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : signed;
  }

  #take(length: number): number {
    const at = this.#position;
    if (length > this.#bytes.length - at) {
      this.#reject(
        "PICKLE_TRUNCATED",
        `${length} bytes are needed, ${this.#bytes.length - at} remain`,
        "a complete file",
      );
    }
    this.#position = at + length;
    return at;
  }
}
