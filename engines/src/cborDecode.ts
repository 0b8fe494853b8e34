/**
 * Decodes the subset of CBOR (RFC 8949) that a pack's header may use: definite lengths, text keys, no tags, nesting at
 * most 16. It is small because it travels to browsers with the WASM engine,
 * and it allocates no more than the input is long.
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  const reader = new CborReader(bytes);
  const value = reader.item(0);
  if (reader.offset !== bytes.length)
    throw new CborError(`${bytes.length - reader.offset} bytes follow the value`, reader.offset);
  return value;
}

/** Not the CBOR that a pack allows; `offset` counts from the first byte given. */
export class CborError extends Error {
  override readonly name = "CborError";
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(`${message} (at byte ${offset})`);
    this.offset = offset;
  }
}

const NESTING_MAX = 16;
const TEXT = new TextDecoder("utf-8", { fatal: true });

class CborReader {
  offset = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  item(depth: number): unknown {
    if (depth > NESTING_MAX) throw new CborError(`nesting is deeper than ${NESTING_MAX}`, this.offset);
    const start = this.offset;
    const initial = this.#take(1)[0] ?? 0;
    const major = initial >> 5;
    if (major === 7) return this.#simple(initial & 31, start);
    const argument = this.#argument(initial & 31, start);
    switch (major) {
      case 0:
        return argument;
      case 1:
        return -1 - argument;
      case 2:
        return this.#take(argument).slice();
      case 3:
        return this.#text(argument, start);
      case 4:
        return this.#array(argument, depth, start);
      case 5:
        return this.#map(argument, depth, start);
      default:
        throw new CborError("tags are not allowed", start);
    }
  }

  #take(count: number): Uint8Array {
    if (count > this.#bytes.length - this.offset)
      throw new CborError(`${count} bytes expected, ${this.#bytes.length - this.offset} left`, this.offset);
    this.offset += count;
    return this.#bytes.subarray(this.offset - count, this.offset);
  }

  /**
   * The number after the initial byte; integers beyond 2^53 - 1 are refused because a JavaScript
   * number cannot hold them.
   */
  #argument(info: number, start: number): number {
    if (info < 24) return info;
    if (info > 27) throw new CborError("indefinite lengths are not allowed", start);
    const size = 1 << (info - 24);
    this.#take(size);
    const at = this.offset - size;
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at);
    if (size === 4) return this.#view.getUint32(at);
    const value = this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw new CborError("an integer is larger than 2^53 - 1", start);
    return value;
  }

  #simple(info: number, start: number): unknown {
    if (info === 20) return false;
    if (info === 21) return true;
    if (info === 22) return null;
    if (info === 25) return halfToNumber(this.#half());
    if (info === 26) {
      this.#take(4);
      return this.#view.getFloat32(this.offset - 4);
    }
    if (info === 27) {
      this.#take(8);
      return this.#view.getFloat64(this.offset - 8);
    }
    throw new CborError("this simple value is not allowed", start);
  }

  #half(): number {
    this.#take(2);
    return this.#view.getUint16(this.offset - 2);
  }

  #text(count: number, start: number): string {
    try {
      return TEXT.decode(this.#take(count));
    } catch (cause) {
      if (cause instanceof CborError) throw cause;
      throw new CborError("a text is not UTF-8", start);
    }
  }

  #array(count: number, depth: number, start: number): unknown[] {
    this.#plausible(count, start);
    const items: unknown[] = [];
    for (let index = 0; index < count; index += 1) items.push(this.item(depth + 1));
    return items;
  }

  #map(count: number, depth: number, start: number): Record<string, unknown> {
    this.#plausible(count * 2, start);
    const entries = new Map<string, unknown>();
    for (let index = 0; index < count; index += 1) {
      const at = this.offset;
      const key = this.item(depth + 1);
      if (typeof key !== "string") throw new CborError("a map key is not text", at);
      if (entries.has(key)) throw new CborError(`the key ${JSON.stringify(key)} appears twice`, at);
      entries.set(key, this.item(depth + 1));
    }
    return Object.fromEntries(entries);
  }

  /**
   * Every item is at least one byte, so a count beyond the rest of the input is refused before
   * anything is allocated for it.
   */
  #plausible(items: number, start: number): void {
    if (items > this.#bytes.length - this.offset)
      throw new CborError(`${items} items announced, ${this.#bytes.length - this.offset} bytes left`, start);
  }
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
