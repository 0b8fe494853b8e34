/** What a board knows of time. Tests give boards a clock of their own, which only moves when they say so. */
export interface BoardClock {
  /** Monotonic. */
  nowUs(): number;
  /** Runs `action` once, unless the answer is called before. */
  after(milliseconds: number, action: () => void): () => void;
}

interface Globals {
  readonly performance: { now(): number };
  readonly setTimeout: (action: () => void, milliseconds: number) => unknown;
  readonly clearTimeout: (timer: unknown) => void;
}
const globals = globalThis as unknown as Globals;

/** The machine's own time. A board that only waits does not keep a program running. */
export const realClock: BoardClock = {
  nowUs: () => globals.performance.now() * 1000,
  after: (milliseconds, action) => {
    const timer = globals.setTimeout(action, milliseconds);
    if (milliseconds > 0) (timer as { unref?: () => void }).unref?.();
    return () => globals.clearTimeout(timer);
  },
};
