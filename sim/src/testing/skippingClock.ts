import { type BoardClock, realClock } from "../board/clock.js";

/** The machine's clock, which can be put forward. */
export class SkippingClock implements BoardClock {
  #skippedUs = 0;

  nowUs(): number {
    return realClock.nowUs() + this.#skippedUs;
  }

  after(milliseconds: number, action: () => void): () => void {
    return realClock.after(milliseconds, action);
  }

  skip(seconds: number): void {
    this.#skippedUs += seconds * 1e6;
  }
}
