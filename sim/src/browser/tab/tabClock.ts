import { type BoardClock, realClock } from "../../board/clock.js";

const { port1, port2 } = new MessageChannel();
const due: (() => void)[] = [];
port1.onmessage = () => due.shift()?.();

/**
 * The machine's time, with turns that follow each other at once: a browser delays timers that set timers by 4 ms each,
 * which would slow inference, one turn of which sets the next.
 */
export const tabClock: BoardClock = {
  nowUs: realClock.nowUs,
  after(milliseconds, action) {
    if (milliseconds > 0) return realClock.after(milliseconds, action);
    let cancelled = false;
    due.push(() => {
      if (!cancelled) action();
    });
    port2.postMessage(undefined);
    return () => {
      cancelled = true;
    };
  },
};
