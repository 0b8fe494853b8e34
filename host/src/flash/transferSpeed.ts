import type { WriteProgress } from "./writeFlash.js";

export interface TransferSpeed {
  readonly bytesPerSecond: number;
  readonly secondsLeft: number;
}

/** Tells of each step of a transfer how fast it goes and how long it will take; time begins with the first one. */
export function transferSpeed(nowMs: () => number = () => performance.now()): (at: WriteProgress) => TransferSpeed {
  let start: number | undefined;
  return ({ doneBytes, keptBytes, totalBytes }) => {
    start ??= nowMs();
    const seconds = (nowMs() - start) / 1000;
    // What was there already has taken no time and says nothing about the line.
    const bytesPerSecond = seconds > 0 ? (doneBytes - keptBytes) / seconds : 0;
    const secondsLeft = bytesPerSecond > 0 ? Math.ceil((totalBytes - doneBytes) / bytesPerSecond) : 0;
    return { bytesPerSecond, secondsLeft };
  };
}
