import { BoardUnreachable } from "./errors.js";

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  /** Doing it twice does what doing it once does, so it is repeated when the network fails. */
  readonly idempotent?: boolean;
}

/** Timers take no longer times, and end at once when they are given one. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const BACKOFF_MS = 250;
/** A board that asks for more patience than this is not waited for. */
const RETRY_AFTER_S_MAX = 60;

/** How long to wait before the next attempt; undefined: there must be none. */
export function delayOf(call: Call, error: unknown, attempt: number): number | undefined {
  // Refused before anything was done, so every request may be repeated when the board says when.
  if (error instanceof Error && "retryAfterS" in error && typeof error.retryAfterS === "number") {
    return error.retryAfterS <= RETRY_AFTER_S_MAX ? error.retryAfterS * 1000 : undefined;
  }
  if (!(error instanceof BoardUnreachable) || call.idempotent !== true) return undefined;
  return BACKOFF_MS * 2 ** attempt * (0.5 + Math.random());
}

/** A time limit, which may be so long that it is none. Cancelled by clearTimeout. */
export function limitTime(milliseconds: number, expire: () => void): ReturnType<typeof setTimeout> {
  return setTimeout(expire, Math.min(milliseconds, TIMER_MS_MAX));
}

/** Resolves after that time, rejects with the signal's reason when it aborts. */
export function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
