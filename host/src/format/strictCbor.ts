import { f16Value } from "./float16.js";

/** What is wrong with the CBOR, and at which byte of it. */
export class CborError extends Error {
  override readonly name = "CborError";
  readonly offset: number;
  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Decodes one CBOR item that fills `bytes`: RFC 8949 with definite lengths, text keys, no tags, no duplicate keys,
 * bounded nesting. Throws CborError. Memory is bounded by the input, since an array or map cannot have more items than
 * bytes left.
 */
export function decodeStrictCbor(bytes: Uint8Array, nestingMax: number): unknown {
  const decoder = new StrictDecoder(bytes, nestingMax);
  const value = decoder.item(0);
  if (decoder.at !== bytes.length)
    throw new CborError(decoder.at, `${bytes.length - decoder.at} bytes follow the header's map`);
  return value;
}

class StrictDecoder {
  at = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly nestingMax: number;

  constructor(bytes: Uint8Array, nestingMax: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.nestingMax = nestingMax;
  }

  item(depth: number): unknown {
    const start = this.at;
    const initial = this.view.getUint8(this.take(1));
    const major = initial >> 5;
    const info = initial & 31;
    if (major === 7) return this.simple(start, info);
    const argument = this.argument(start, info);
    switch (major) {
      case 0:
        return argument;
      case 1:
        return -1 - argument;
      case 2:
        return this.bytes.slice(this.take(argument), this.at);
      case 3:
        return this.text(argument);
      case 4:
      case 5:
        if (depth >= this.nestingMax) throw new CborError(start, `nested deeper than ${this.nestingMax}`);
        return major === 4 ? this.array(start, argument, depth) : this.map(start, argument, depth);
      default:
        throw new CborError(start, "a tag, which this format does not allow");
    }
  }

  private take(count: number): number {
    const from = this.at;
    if (count > this.bytes.length - from)
      throw new CborError(from, `${count} bytes are needed where ${this.bytes.length - from} are left`);
    this.at = from + count;
    return from;
  }

  private argument(start: number, info: number): number {
    if (info < 24) return info;
    if (info === 24) return this.view.getUint8(this.take(1));
    if (info === 25) return this.view.getUint16(this.take(2));
    if (info === 26) return this.view.getUint32(this.take(4));
    if (info !== 27) throw new CborError(start, "an indefinite or reserved length");
    const value = this.view.getBigUint64(this.take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new CborError(start, "an integer beyond 2^53");
    return Number(value);
  }

  private simple(start: number, info: number): unknown {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 25:
        return f16Value(this.view.getUint16(this.take(2)));
      case 26:
        return this.view.getFloat32(this.take(4));
      case 27:
        return this.view.getFloat64(this.take(8));
      default:
        throw new CborError(start, "a simple value other than false, true and null");
    }
  }

  private text(length: number): string {
    const from = this.take(length);
    try {
      return utf8.decode(this.bytes.subarray(from, this.at));
    } catch {
      throw new CborError(from, "a text that is not UTF-8");
    }
  }

  private array(start: number, length: number, depth: number): unknown[] {
    this.checkCount(start, length);
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.push(this.item(depth + 1));
    return items;
  }

  private map(start: number, length: number, depth: number): Record<string, unknown> {
    this.checkCount(start, length);
    const map: Record<string, unknown> = {};
    for (let i = 0; i < length; i++) {
      const keyAt = this.at;
      const key = this.item(depth + 1);
      if (typeof key !== "string") throw new CborError(keyAt, "a key that is not a text");
      if (Object.hasOwn(map, key)) throw new CborError(keyAt, `the key "${key.slice(0, 60)}" a second time`);
      // A key "__proto__" must become a plain property too.
      Object.defineProperty(map, key, {
        value: this.item(depth + 1),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return map;
  }

  private checkCount(start: number, count: number): void {
    if (count > this.bytes.length - this.at)
      throw new CborError(start, `${count} items announced where ${this.bytes.length - this.at} bytes are left`);
  }
}
