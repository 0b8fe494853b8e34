import type { Socket } from "node:net";
import type { Chip } from "../chip/chip.js";
import type { LinePeer } from "./cable.js";

const IAC = 255;
const SE = 240;
const SB = 250;
const WILL = 251;
const WONT = 252;
const DO = 253;
const DONT = 254;

const BINARY = 0;
const SUPPRESS_GO_AHEAD = 3;
const COM_PORT = 44;
const OPTIONS = [BINARY, SUPPRESS_GO_AHEAD, COM_PORT];

const SET_BAUDRATE = 1;
const SET_CONTROL = 5;
const PURGE_DATA = 12;
/** Answers carry the command's number and this. */
const SERVER = 100;
const DTR_ON = 8;
const DTR_OFF = 9;
const RTS_ON = 11;
const RTS_OFF = 12;
/** A subnegotiation that is longer than any of a serial port is noise. */
const OPTION_BYTES_MAX = 64;

/** The chip's end of a serial line by RFC 2217: telnet, with options for the baud rate and the modem's lines. */
export class Rfc2217 implements LinePeer {
  readonly signals = true;
  #chip: Chip;
  #socket: Socket;
  #baud: number | undefined;
  #state: "data" | "command" | "option" | "negotiation" | "negotiationCommand" = "data";
  #verb = 0;
  #option: number[] = [];
  #dtr = false;
  #rts = false;
  #agreed = new Set<string>();

  constructor(chip: Chip, socket: Socket) {
    this.#chip = chip;
    this.#socket = socket;
    chip.attach(this);
  }

  get baud(): number | undefined {
    return this.#baud;
  }

  drop(): void {
    this.#socket.destroy();
  }

  #write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  send(bytes: Uint8Array): void {
    const escaped = [...bytes].flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte]));
    this.#write(bytes.includes(IAC) ? Uint8Array.from(escaped) : bytes);
  }

  receive(bytes: Uint8Array): void {
    let data: number[] = [];
    const flush = (): void => {
      if (data.length > 0) this.#chip.receive(Uint8Array.from(data));
      data = [];
    };
    for (const byte of bytes) {
      if (this.#state === "data") {
        if (byte === IAC) this.#state = "command";
        else data.push(byte);
      } else if (this.#state === "command" && byte === IAC) {
        data.push(byte);
        this.#state = "data";
      } else {
        // Signals act between the bytes before them and those after them.
        flush();
        this.#command(byte);
      }
    }
    flush();
  }

  #command(byte: number): void {
    if (this.#state === "command") {
      this.#verb = byte;
      this.#option = [];
      this.#state = byte === SB ? "negotiation" : [WILL, WONT, DO, DONT].includes(byte) ? "option" : "data";
    } else if (this.#state === "option") {
      this.#negotiate(this.#verb, byte);
      this.#state = "data";
    } else if (this.#state === "negotiation") {
      if (byte === IAC) this.#state = "negotiationCommand";
      else this.#collect(byte);
    } else if (byte === SE) {
      this.#state = "data";
      this.#serialOption();
    } else {
      this.#collect(byte);
      this.#state = "negotiation";
    }
  }

  #collect(byte: number): void {
    if (this.#option.length < OPTION_BYTES_MAX) this.#option.push(byte);
  }

  /** Agrees once to each option that is known, and to nothing else. */
  #negotiate(verb: number, option: number): void {
    if (verb !== WILL && verb !== DO) return;
    const known = OPTIONS.includes(option);
    const answer = verb === WILL ? (known ? DO : DONT) : known ? WILL : WONT;
    if (this.#agreed.has(`${answer} ${option}`)) return;
    this.#agreed.add(`${answer} ${option}`);
    this.#write(Uint8Array.of(IAC, answer, option));
  }

  #serialOption(): void {
    const [option, command, ...value] = this.#option;
    if (option !== COM_PORT || command === undefined) return;
    if (command === SET_CONTROL) this.#control(value[0] ?? 0);
    // 0 asks for the rate and changes none.
    const rate = value.reduce((sum, byte) => sum * 256 + byte, 0);
    if (command === SET_BAUDRATE && rate > 0) this.#baud = rate;
    // Every setting is accepted as it is asked for.
    if (command >= SET_BAUDRATE && command <= PURGE_DATA) this.#answer(command, value);
  }

  #control(code: number): void {
    if (code === DTR_ON || code === DTR_OFF) this.#dtr = code === DTR_ON;
    else if (code === RTS_ON || code === RTS_OFF) this.#rts = code === RTS_ON;
    else return;
    this.#chip.setSignals(this.#dtr, this.#rts);
  }

  #answer(command: number, value: readonly number[]): void {
    const escaped = value.flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte]));
    this.#write(Uint8Array.of(IAC, SB, COM_PORT, command + SERVER, ...escaped, IAC, SE));
  }
}
