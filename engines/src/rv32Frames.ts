import { EngineError } from "./errors.js";

/** `magic, length, payload, CRC-32`, little-endian: the frames of engines/rv32/serial.zig. */
const MAGIC = 0x514e5953;
const PAYLOAD_BYTES_MAX = 256;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** CRC-32/ISO-HDLC, the one of zlib and Ethernet. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

export function encodeFrame(words: readonly number[]): Uint8Array {
  const frame = new Uint8Array(12 + 4 * words.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, 4 * words.length, true);
  for (const [index, word] of words.entries()) view.setUint32(8 + 4 * index, word, true);
  view.setUint32(8 + 4 * words.length, crc32(frame.subarray(8, 8 + 4 * words.length)), true);
  return frame;
}

/**
 * Puts frames together from a stream of bytes. A byte out of place means the two sides no longer
 * understand each other, and throws.
 */
export class FrameReader {
  #pending = new Uint8Array(0);

  /** The payloads, as words, of the frames that `bytes` complete. */
  push(bytes: Uint8Array): number[][] {
    const joined = new Uint8Array(this.#pending.length + bytes.length);
    joined.set(this.#pending);
    joined.set(bytes, this.#pending.length);
    const view = new DataView(joined.buffer);
    const frames: number[][] = [];
    let at = 0;
    while (joined.length - at >= 12) {
      const length = view.getUint32(at + 4, true);
      if (view.getUint32(at, true) !== MAGIC || length > PAYLOAD_BYTES_MAX || length % 4 !== 0) throw garbled();
      if (joined.length - at < 12 + length) break;
      const payload = joined.subarray(at + 8, at + 8 + length);
      if (view.getUint32(at + 8 + length, true) !== crc32(payload)) throw garbled();
      frames.push(Array.from({ length: length / 4 }, (_, index) => view.getUint32(at + 8 + 4 * index, true)));
      at += 12 + length;
    }
    this.#pending = joined.slice(at);
    return frames;
  }
}

function garbled(): EngineError {
  return new EngineError("PROTOCOL", "the emulated core sent bytes that are not a frame");
}
