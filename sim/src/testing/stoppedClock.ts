import type { BoardClock } from "../board/clock.js";

/** Time passes when a test says so. */
export class StoppedClock implements BoardClock {
  #due = new Set<{ readonly milliseconds: number; readonly action: () => void }>();

  nowUs = (): number => 0;

  after(milliseconds: number, action: () => void): () => void {
    const timer = { milliseconds, action };
    this.#due.add(timer);
    return () => void this.#due.delete(timer);
  }

  /** How long is waited for now, each by itself. */
  get waiting(): number[] {
    return [...this.#due].map(({ milliseconds }) => milliseconds);
  }

  /** All that is waited for now is due. */
  pass(): void {
    const due = [...this.#due];
    this.#due.clear();
    for (const { action } of due) action();
  }
}
