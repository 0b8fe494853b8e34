/** What is wrong with the cable. Everything that happens by chance follows from `seed`. */
export interface LineFaults {
  /** 1 unless given. */
  readonly seed?: number;
  /** Of a million bytes, in both directions, how many are lost. */
  readonly lostPerMillion?: number;
  /** Of a million bytes, in both directions, how many arrive with a bit that is wrong. */
  readonly flippedPerMillion?: number;
  /** Above this rate the bridge brings nothing but garbage. */
  readonly baudMax?: number;
  /** The cable is pulled, once, when so many blocks are written and before the last of them is answered. */
  readonly unplugAtBlock?: number;
  /** When so many blocks are written the loader hangs: it answers nothing until the chip is reset. */
  readonly stuckAtBlock?: number;
}

const MILLION = 1_000_000;

/** The way of bytes over a cable. */
export class NoisyCable {
  readonly faults: LineFaults;
  #state: number;
  /** Blocks written since the cable has these faults. */
  #blocks = 0;

  constructor(faults: LineFaults = {}) {
    this.faults = faults;
    this.#state = (faults.seed ?? 1) >>> 0 || 1;
  }

  /** What arrives of `bytes` when the two ends have these rates; a rate that nobody knows is right. */
  carry(bytes: Uint8Array, senderBaud: number | undefined, receiverBaud: number | undefined): Uint8Array {
    const {
      lostPerMillion: lost = 0,
      flippedPerMillion: flipped = 0,
      baudMax = Number.POSITIVE_INFINITY,
    } = this.faults;
    const [sent, read] = [senderBaud ?? receiverBaud ?? 0, receiverBaud ?? senderBaud ?? 0];
    if (sent !== read || Math.max(sent, read) > baudMax) return this.#garbage(bytes.length);
    if (lost === 0 && flipped === 0) return bytes;
    const out: number[] = [];
    for (const byte of bytes) {
      if (this.#below(MILLION) < lost) continue;
      out.push(this.#below(MILLION) < flipped ? byte ^ (1 << this.#below(8)) : byte);
    }
    return Uint8Array.from(out);
  }

  /** One more block is written; what happens now. */
  block(): "unplug" | "stuck" | undefined {
    this.#blocks++;
    if (this.#blocks === this.faults.unplugAtBlock) return "unplug";
    return this.#blocks === this.faults.stuckAtBlock ? "stuck" : undefined;
  }

  /** A receiver at another rate sees other bytes, and fewer or more of them. */
  #garbage(count: number): Uint8Array {
    return Uint8Array.from({ length: this.#below(count + 2) }, () => this.#below(256));
  }

  /** xorshift32 */
  #below(bound: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state % bound;
  }
}
