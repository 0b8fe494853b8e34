/**
 * Improv Wi-Fi over a serial port (improv-wifi.com/serial), version 1:
 *
 *     49 4d 50 52 4f 56 "IMPROV" | version u8 | type u8 | bytes u8 | data | sum of all before, u8 | 0a
 *
 * Packets stand between lines of the console, so whatever is none is passed over.
 */
export interface ImprovPacket {
  readonly type: number;
  readonly data: Uint8Array;
}

export const IMPROV = { state: 1, error: 2, command: 3, result: 4 } as const;
export const IMPROV_COMMAND = { wifi: 1, state: 2, device: 3 } as const;

const HEADER = new TextEncoder().encode("IMPROV");
const VERSION = 1;
const DATA_AT = HEADER.length + 3;
const DATA_BYTES_MAX = 255;

/** `data` has at most 255 bytes. */
export function improvPacket(type: number, data: Uint8Array): Uint8Array {
  const packet = new Uint8Array(DATA_AT + data.length + 2);
  packet.set(HEADER);
  packet.set([VERSION, type, data.length], HEADER.length);
  packet.set(data, DATA_AT);
  packet[packet.length - 2] = sumOf(packet.subarray(0, -2));
  packet[packet.length - 1] = 0x0a;
  return packet;
}

/** A command with texts as its data. */
export function improvCommand(command: number, texts: readonly string[]): Uint8Array {
  const data = texts.flatMap((text) => {
    const bytes = new TextEncoder().encode(text);
    return [bytes.length, ...bytes];
  });
  return improvPacket(IMPROV.command, Uint8Array.from([command, data.length, ...data]));
}

/** The command that a result answers, and its texts; undefined of data that is cut. */
export function improvResult(data: Uint8Array): { command: number; texts: string[] } | undefined {
  const [command, bytes] = data;
  if (command === undefined || bytes === undefined || data.length < 2 + bytes) return undefined;
  const texts: string[] = [];
  for (let at = 2; at < 2 + bytes; ) {
    const end = at + 1 + (data[at] as number);
    if (end > 2 + bytes) return undefined;
    texts.push(new TextDecoder().decode(data.subarray(at + 1, end)));
    at = end;
  }
  return { command, texts };
}

/** Finds the packets in what a console says. */
export class ImprovReader {
  #bytes = new Uint8Array();

  push(more: Uint8Array): ImprovPacket[] {
    const bytes = new Uint8Array(this.#bytes.length + more.length);
    bytes.set(this.#bytes);
    bytes.set(more, this.#bytes.length);
    const packets: ImprovPacket[] = [];
    let at = 0;
    while (at < bytes.length) {
      const found = packetAt(bytes, at);
      if (found === "more") break;
      if (found !== undefined) packets.push(found);
      at += found === undefined ? 1 : DATA_AT + found.data.length + 1;
    }
    this.#bytes = bytes.slice(at);
    return packets;
  }
}

/** Undefined where there is none; `more` where there may be one whose end has not come. */
function packetAt(bytes: Uint8Array, at: number): ImprovPacket | "more" | undefined {
  const there = bytes.subarray(at, at + DATA_AT + DATA_BYTES_MAX + 1);
  if (HEADER.some((byte, i) => i < there.length && there[i] !== byte)) return undefined;
  if (there.length < DATA_AT) return "more";
  const end = DATA_AT + (there[DATA_AT - 1] as number);
  if (there[HEADER.length] !== VERSION) return undefined;
  if (there.length <= end) return "more";
  if (there[end] !== sumOf(there.subarray(0, end))) return undefined;
  return { type: there[HEADER.length + 1] as number, data: there.slice(DATA_AT, end) };
}

const sumOf = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0);
