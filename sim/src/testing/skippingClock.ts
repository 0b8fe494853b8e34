import { type BoardClock, realClock } from "../board/clock.js";

interface Timer {
  readonly dueUs: number;
  readonly fire: () => void;
}

/** The machine's clock, which can be put forward: what is due then happens at once, in its order. */
export class SkippingClock implements BoardClock {
  #skippedUs = 0;
  readonly #timers = new Set<Timer>();

  nowUs(): number {
    return realClock.nowUs() + this.#skippedUs;
  }

  after(milliseconds: number, action: () => void): () => void {
    const cancel = () => {
      this.#timers.delete(timer);
      cancelReal();
    };
    const fire = () => {
      cancel();
      action();
    };
    const timer: Timer = { dueUs: this.nowUs() + milliseconds * 1000, fire };
    const cancelReal = realClock.after(milliseconds, fire);
    // What is to come next, not from inside a call, comes next whatever the time.
    if (milliseconds > 0) this.#timers.add(timer);
    return cancel;
  }

  skip(seconds: number): void {
    this.#skippedUs += seconds * 1e6;
    const due = [...this.#timers]
      .filter(({ dueUs }) => dueUs <= this.nowUs())
      .sort((one, other) => one.dueUs - other.dueUs);
    for (const timer of due) if (this.#timers.has(timer)) timer.fire();
  }

  /** Resolves when all has happened that was to come next. */
  turn(): Promise<void> {
    return new Promise((resolve) => void realClock.after(0, resolve));
  }
}
