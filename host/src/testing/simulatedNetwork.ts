import { Duplex } from "node:stream";
import FakeTimers from "@sinonjs/fake-timers";
import type { EmbeddedBroker } from "synapse-sim";
import { seededRandom } from "./seededRandom.js";

const realImmediate = setImmediate;

/**
 * Two ends of a connection; what is written to one arrives at the other, in order and later, unless the connection
 * breaks.
 */
function connection(
  deliver: (action: () => void, after: number) => void,
  latency: () => number,
  lost: () => boolean,
): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const arrival = [0, 0];
  let broken = false;
  const end = (mine: number): Duplex =>
    new Duplex({
      read() {
        // Pushed as it arrives.
      },
      write(bytes: Buffer, _encoding, done) {
        const copy = Buffer.from(bytes);
        const at = Math.max(arrival[mine] as number, Date.now() + latency());
        arrival[mine] = at;
        const gone = lost();
        deliver(() => {
          if (broken) return;
          if (!gone) return void ends[1 - mine]?.push(copy);
          broken = true;
          for (const each of ends) each.destroy();
        }, at - Date.now());
        done();
      },
      final(done) {
        deliver(() => ends[1 - mine]?.push(null), latency());
        done();
      },
      destroy(error, done) {
        deliver(() => ends[1 - mine]?.destroy(), latency());
        done(error);
      },
    });
  ends.push(end(0), end(1));
  for (const each of ends) each.on("error", () => undefined);
  return [ends[0] as Duplex, ends[1] as Duplex];
}

/**
 * A network on a clock of its own: what happens on it happens in the order of its time, as fast as the machine can, and
 * the same seed does the same. While it is there, this thread has no other timers and no other chance.
 */
export class SimulatedNetwork {
  readonly random: () => number;
  readonly #mathRandom = Math.random;
  readonly #timers: ReturnType<typeof FakeTimers.install>;
  /** What connections lead to. */
  broker: EmbeddedBroker | undefined;
  packets = 0;
  connectionsLost = 0;
  /** Nothing is lost any more. */
  calm = false;

  constructor(seed: number) {
    const signed = seededRandom(seed);
    this.random = () => (signed() + 1) / 2;
    // Message ids and the like.
    Math.random = this.random;
    this.#timers = FakeTimers.install({
      now: 0,
      toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "clearImmediate", "Date"],
    });
  }

  /** A connection to the broker that loses this part of its packets, and breaks with each. */
  open(loss: number): Duplex {
    const deliver = (action: () => void, after: number): void => void setTimeout(action, after);
    const latency = (): number => 1 + Math.floor(this.random() * 20);
    const [near, far] = connection(deliver, latency, () => {
      this.packets++;
      const gone = !this.calm && this.random() < loss;
      this.connectionsLost += Number(gone);
      return gone;
    });
    this.broker?.handle(far);
    return near;
  }

  /** Lets everything happen that is due up to a moment, or until `done`. */
  async run(done: () => boolean, untilMs = Number.POSITIVE_INFINITY): Promise<void> {
    while (!done() && Date.now() < untilMs) {
      // What follows from the last event comes first; only then does time go on.
      await new Promise((resolve) => realImmediate(resolve));
      if (!done()) this.#timers.next();
    }
  }

  /** Gives the thread its timers and its chance back. */
  end(): void {
    this.#timers.uninstall();
    Math.random = this.#mathRandom;
  }
}
