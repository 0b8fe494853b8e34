import { COMMAND, dataChecksum } from "../serial/protocol/loaderProtocol.js";

/** Arguments of a loader's request: little-endian words. */
export const words = (...values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

/** A request as its frame's content. */
export function request(command: number, data: Uint8Array, checksum = 0): Uint8Array {
  const out = Buffer.alloc(8 + data.length);
  out.set([0, command]);
  out.writeUInt16LE(data.length, 2);
  out.writeUInt32LE(checksum, 4);
  out.set(data, 8);
  return out;
}

/** A request that brings a block of data. */
export const block = (command: number, data: Uint8Array, seq = 0): Uint8Array =>
  request(command, Buffer.concat([words(data.length, seq, 0, 0), data]), dataChecksum(data));

export const syncRequest = (): Uint8Array =>
  request(COMMAND.sync, Uint8Array.of(0x07, 0x07, 0x12, 0x20, ...Array<number>(32).fill(0x55)));
