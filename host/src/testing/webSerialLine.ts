import { connect, type Socket } from "node:net";

/** Of telnet (RFC 854) and of its option for serial ports (RFC 2217). */
const TELNET = { iac: 255, sb: 250, se: 240, will: 251, option: 44 } as const;
const SET_BAUD = 1;
const SET_CONTROL = 5;
const CONTROL = { dtr: [9, 8], rts: [12, 11] } as const;

/** A simulated chip's line as a USB bridge has it: bytes, a rate, DTR and RTS. */
export class WebSerialLine {
  readonly #socket: Socket;
  #escape: number[] = [];

  /** `url` is a chip's `socket://`; `received` hears what the chip says, `gone` that the cable was pulled. */
  constructor(url: string, received: (bytes: Uint8Array) => void, gone: () => void) {
    const { hostname, port } = new URL(url);
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.on("data", (bytes) => received(this.#withoutTelnet(bytes)));
    this.#socket.on("error", () => undefined).on("close", gone);
    this.#socket.write(Uint8Array.of(TELNET.iac, TELNET.will, TELNET.option));
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(Uint8Array.from([...bytes].flatMap((byte) => (byte === TELNET.iac ? [byte, byte] : [byte]))));
  }

  setBaudRate(baud: number): void {
    this.#command(SET_BAUD, [baud >>> 24, (baud >>> 16) & 0xff, (baud >>> 8) & 0xff, baud & 0xff]);
  }

  setSignals({ dtr, rts }: { readonly dtr?: boolean | undefined; readonly rts?: boolean | undefined }): void {
    if (dtr !== undefined) this.#command(SET_CONTROL, [CONTROL.dtr[dtr ? 1 : 0] as number]);
    if (rts !== undefined) this.#command(SET_CONTROL, [CONTROL.rts[rts ? 1 : 0] as number]);
  }

  pull(): void {
    this.#socket.destroy();
  }

  #command(command: number, values: readonly number[]): void {
    const { iac, sb, se, option } = TELNET;
    const escaped = values.flatMap((value) => (value === iac ? [value, value] : [value]));
    this.#socket.write(Uint8Array.from([iac, sb, option, command, ...escaped, iac, se]));
  }

  /** What is left of bytes when commands are taken out, wherever they are cut. */
  #withoutTelnet(bytes: Uint8Array): Uint8Array {
    const { iac, sb, se } = TELNET;
    const data: number[] = [];
    for (const byte of bytes) {
      const [, command] = this.#escape;
      if (this.#escape.length === 0 && byte !== iac) data.push(byte);
      else this.#escape.push(byte);
      if (command === undefined && this.#escape.length === 2 && byte === iac) {
        data.push(iac);
        this.#escape = [];
      }
      const [, kind] = this.#escape;
      const [before, last] = this.#escape.slice(-2);
      const over = kind === sb ? this.#escape.length > 3 && before === iac && last === se : this.#escape.length === 3;
      if (over) this.#escape = [];
    }
    return Uint8Array.from(data);
  }
}
