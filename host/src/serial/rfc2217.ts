import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Line } from "./streamPort.js";

/** Of telnet (RFC 854). */
const IAC = 255;
const DONT = 254;
const DO = 253;
const WONT = 252;
const WILL = 251;
const SB = 250;
const SE = 240;

const BINARY = 0;
const SUPPRESS_GO_AHEAD = 3;
const COM_PORT = 44;
const OPTIONS: readonly number[] = [BINARY, SUPPRESS_GO_AHEAD, COM_PORT];

/** Of the option for serial ports (RFC 2217). */
const SET_BAUD_RATE = 1;
const SET_CONTROL = 5;
const DTR = { on: 8, off: 9 } as const;
const RTS = { on: 11, off: 12 } as const;
const BREAK = { on: 5, off: 6 } as const;
/** What is longer is no answer of such a server. */
const COMMAND_BYTES_MAX = 256;

/** A serial line on another machine, by RFC 2217: its bytes, its rate, DTR and RTS over one connection. */
export function rfc2217Line(socket: Socket, baudRate: number): Line {
  const commands = new TelnetFilter((answer) => socket.write(Uint8Array.from(answer)));
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (bytes: Uint8Array, _, done) => void socket.write(escaped(bytes), done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (bytes) => {
    if (!stream.push(commands.push(bytes))) socket.pause();
  });
  socket.on("error", (error) => stream.destroy(error));
  socket.on("close", () => stream.destroy());
  const send = (command: number, values: readonly number[]) =>
    void socket.write(Uint8Array.from([IAC, SB, COM_PORT, command, ...escaped(Uint8Array.from(values)), IAC, SE]));
  const setBaudRate = async (rate: number) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, rate);
    send(SET_BAUD_RATE, [...bytes]);
  };
  for (const option of OPTIONS) socket.write(Uint8Array.of(IAC, WILL, option, IAC, DO, option));
  void setBaudRate(baudRate);
  return {
    stream,
    setBaudRate,
    setSignals: async ({ dataTerminalReady, requestToSend, break: paused }) => {
      const set = (line: { readonly on: number; readonly off: number }, on: boolean | undefined) => {
        if (on !== undefined) send(SET_CONTROL, [on ? line.on : line.off]);
      };
      set(DTR, dataTerminalReady);
      set(RTS, requestToSend);
      set(BREAK, paused);
    },
    close: () => new Promise((closed) => (socket.destroyed ? closed() : socket.once("close", closed).destroySoon())),
  };
}

/** In data the byte that begins commands stands twice. */
function escaped(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(IAC)) return bytes;
  return Uint8Array.from([...bytes].flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte])));
}

/** Takes telnet's commands out of what a server sends, wherever they are cut, and answers what wants an answer. */
class TelnetFilter {
  readonly #answer: (bytes: readonly number[]) => void;
  /** Of a command that has not ended: the bytes behind IAC. */
  #command: number[] | undefined;

  constructor(answer: (bytes: readonly number[]) => void) {
    this.#answer = answer;
  }

  push(bytes: Uint8Array): Uint8Array {
    const data: number[] = [];
    for (const byte of bytes) {
      if (this.#command === undefined) {
        if (byte === IAC) this.#command = [];
        else data.push(byte);
        continue;
      }
      const command = this.#command;
      command.push(byte);
      if (command[0] === IAC) data.push(IAC);
      if (this.#isWhole(command)) this.#command = undefined;
    }
    return Uint8Array.from(data);
  }

  #isWhole(command: readonly number[]): boolean {
    const [verb = 0, option = 0] = command;
    if (verb === SB) return (command.at(-2) === IAC && command.at(-1) === SE) || command.length > COMMAND_BYTES_MAX;
    if (verb < WILL || verb === IAC) return true;
    if (command.length < 2) return false;
    // What was offered at the beginning has been answered by that.
    if (verb === DO && !OPTIONS.includes(option)) this.#answer([IAC, WONT, option]);
    if (verb === WILL && !OPTIONS.includes(option)) this.#answer([IAC, DONT, option]);
    return true;
  }
}
