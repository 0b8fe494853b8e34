import type { MqttClient } from "mqtt";

/** Between two tries to reach a broker that is gone: at first, and at most. */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 30_000;

/** What is used of a client of the `mqtt` package. */
export type WatchedClient = Pick<MqttClient, "connected"> & {
  readonly options: { reconnectPeriod?: number };
  on(event: "connect" | "close", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
};

/** The broker came or went. */
export interface BrokerChange {
  readonly connected: boolean;
  /** Why it cannot be reached, as far as that is known. */
  readonly detail?: string;
}

/**
 * Whether the broker of a connection is there. A broker that is gone is tried again by the connection itself, with
 * pauses that grow; what waits for boards meanwhile must not hold its absence against them.
 */
export class BrokerWatch {
  readonly #listeners = new Set<(change: BrokerChange) => void>();
  #connected: boolean;
  #detail: string | undefined;

  constructor(client: WatchedClient) {
    this.#connected = client.connected;
    client.on("connect", () => {
      client.options.reconnectPeriod = RETRY_MS;
      this.#detail = undefined;
      this.#become(true);
    });
    // Without a listener an error of a later try would end the process; the next try follows by itself.
    client.on("error", (error) => {
      this.#detail = error.message || (error as NodeJS.ErrnoException).code;
    });
    client.on("close", () => {
      if (!this.#connected)
        client.options.reconnectPeriod = Math.min(2 * (client.options.reconnectPeriod ?? RETRY_MS), RETRY_MS_MAX);
      this.#become(false);
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Calls when the broker goes and when it is back, until what it answers is called. */
  listen(listener: (change: BrokerChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when the broker is there, at once if it is; rejects with the signal's reason. */
  back(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#connected) return resolve();
      const end = (): void => {
        unlisten();
        signal.removeEventListener("abort", abort);
      };
      const abort = (): void => {
        end();
        reject(signal.reason);
      };
      const unlisten = this.listen(({ connected }) => {
        if (!connected) return;
        end();
        resolve();
      });
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  /** Aborts when the broker has been there for so long; `end` stops it. */
  timeout(milliseconds: number): { readonly signal: AbortSignal; end(): void } {
    const abort = new AbortController();
    let left = milliseconds;
    let since = 0;
    let timer: NodeJS.Timeout | undefined;
    const go = (): void => {
      since = performance.now();
      timer = setTimeout(() => abort.abort(new DOMException("the time is over", "TimeoutError")), left);
    };
    const unlisten = this.listen(({ connected }) => {
      clearTimeout(timer);
      if (connected) go();
      else left = Math.max(left - (performance.now() - since), 0);
    });
    if (this.#connected) go();
    return {
      signal: abort.signal,
      end: () => {
        clearTimeout(timer);
        unlisten();
      },
    };
  }

  #become(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    const change = { connected, ...(this.#detail === undefined ? {} : { detail: this.#detail }) };
    for (const listener of this.#listeners) listener(change);
  }
}
