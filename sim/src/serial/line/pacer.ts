/** A start bit, eight of data, a stop bit. */
const BITS_PER_BYTE = 10;

/** Lets bytes through as fast as a serial line of a given rate does, in the machine's own time. */
export class Pacer {
  #freeAtMs = 0;
  #timers = new Set<NodeJS.Timeout>();

  /** Calls `deliver` when the last of so many bytes has arrived; in the order of the calls. */
  pass(bytes: number, baud: number, deliver: () => void): void {
    const start = Math.max(performance.now(), this.#freeAtMs);
    this.#freeAtMs = start + (bytes * BITS_PER_BYTE * 1_000) / baud;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      deliver();
    }, this.#freeAtMs - performance.now());
    this.#timers.add(timer);
  }

  /** What is under way is lost. */
  drop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#freeAtMs = 0;
  }
}
