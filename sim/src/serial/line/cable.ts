import { type LineFaults, NoisyCable } from "./faults.js";
import { Pacer } from "./pacer.js";

/** A program on the other end of the chip's serial line. */
export interface LinePeer {
  send(bytes: Uint8Array): void;
  /** Whether it can hold the chip in reset and choose how it starts, as DTR and RTS of a USB bridge do. */
  readonly signals: boolean;
  /** The rate of its end; undefined where the transport has none, and then it is always right. */
  readonly baud: number | undefined;
  /** The cable is pulled. */
  drop(): void;
}

const START_BAUD = 115_200;

/** The cable between the chip and one program at a time: its rate, its faults, and the time that bytes take. */
export class Cable {
  #noise = new NoisyCable();
  #peer: LinePeer | undefined;
  /** Of the chip's end; undefined while the ROM's loader listens for any. */
  #baud: number | undefined = START_BAUD;
  #pace: { readonly in: Pacer; readonly out: Pacer } | undefined;
  #deliver: (bytes: Uint8Array) => void;

  /** `deliver` takes what arrives at the chip. Paced: bytes take the time that they take on a real line. */
  constructor(deliver: (bytes: Uint8Array) => void, paced: boolean) {
    this.#deliver = deliver;
    this.#pace = paced ? { in: new Pacer(), out: new Pacer() } : undefined;
  }

  set faults(faults: LineFaults) {
    this.#noise = new NoisyCable(faults);
  }

  get peer(): LinePeer | undefined {
    return this.#peer;
  }

  set peer(peer: LinePeer | undefined) {
    this.#peer = peer;
    this.#pace?.in.drop();
    this.#pace?.out.drop();
  }

  /** The chip's end now has this rate; undefined: the one with which somebody speaks to it first. */
  set baud(rate: number | undefined) {
    this.#baud = rate;
  }

  fromPeer(bytes: Uint8Array): void {
    this.#baud ??= this.#peer?.baud ?? START_BAUD;
    const arrived = this.#noise.carry(bytes, this.#peer?.baud, this.#baud);
    if (this.#pace) this.#pace.in.pass(bytes.length, this.#baud, () => this.#deliver(arrived));
    else this.#deliver(arrived);
  }

  toPeer(bytes: Uint8Array): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    const arrived = this.#noise.carry(bytes, this.#baud, peer.baud);
    if (this.#pace) this.#pace.out.pass(bytes.length, this.#baud ?? START_BAUD, () => peer.send(arrived));
    else peer.send(arrived);
  }

  /** See `NoisyCable.block`. */
  block(): "unplug" | "stuck" | undefined {
    return this.#noise.block();
  }
}
