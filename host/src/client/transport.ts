import { BoardTimeout, BoardUnreachable, errorOf, UnexpectedAnswer } from "./errors.js";

export interface TransportOptions {
  /** `http://board.local`, with a port if it is not 80. */
  readonly url: string;
  /** The token that claiming gave. */
  readonly token?: string;
  /** For one attempt, from its start to the end of its answer. Default 30 s. */
  readonly timeoutMs?: number;
  /** How often a request that may be repeated is tried again. Default 3. */
  readonly retriesMax?: number;
  /** Instead of the platform's. */
  readonly fetch?: typeof fetch;
  /** Instead of a timer: resolves after that time, rejects when the signal aborts. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
}

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

const TIMEOUT_MS = 30_000;
const RETRIES_MAX = 3;
const BACKOFF_MS = 250;
/** A board that asks for more patience than this is not waited for. */
const RETRY_AFTER_S_MAX = 60;

/** One board's HTTP: bearer token, timeouts, and repeating what is safe to repeat. */
export class Transport {
  readonly #url: string;
  readonly #options: TransportOptions;
  token: string | undefined;

  constructor(options: TransportOptions) {
    this.#url = options.url.replace(/\/+$/, "");
    this.#options = options;
    this.token = options.token;
  }

  /** The answer's text. Throws BoardError, BoardUnreachable, BoardTimeout, UnexpectedAnswer, or the signal's reason. */
  async text(call: Call, options: CallOptions = {}): Promise<string> {
    return this.#repeat(call, options, async (response) => response.text());
  }

  /** The answer as JSON. */
  async json(call: Call, options: CallOptions = {}): Promise<unknown> {
    const text = await this.text({ ...call, headers: { accept: "application/json", ...call.headers } }, options);
    try {
      return JSON.parse(text);
    } catch {
      throw new UnexpectedAnswer(`${call.method} ${call.path} was not answered in JSON: ${text.slice(0, 80)}`);
    }
  }

  /** The answer's bytes as they come. The time limit is for its head; the signal ends the rest. */
  async stream(call: Call, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    return this.#repeat(call, options, async (response) => {
      if (response.body === null) throw new UnexpectedAnswer(`${call.method} ${call.path} was answered without a body`);
      return response.body as ReadableStream<Uint8Array>;
    });
  }

  async #repeat<Result>(call: Call, options: CallOptions, read: (response: Response) => Promise<Result>): Promise<Result> {
    const retriesMax = this.#options.retriesMax ?? RETRIES_MAX;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#once(call, options, read);
      } catch (error) {
        const delayMs = attempt < retriesMax ? delayOf(call, error, attempt) : undefined;
        if (delayMs === undefined) throw error;
        await (this.#options.sleep ?? sleep)(delayMs, options.signal);
      }
    }
  }

  async #once<Result>(call: Call, options: CallOptions, read: (response: Response) => Promise<Result>): Promise<Result> {
    options.signal?.throwIfAborted();
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS;
    const ended = new AbortController();
    const timer = setTimeout(() => ended.abort(), timeoutMs);
    const signal = options.signal === undefined ? ended.signal : AbortSignal.any([options.signal, ended.signal]);
    try {
      const headers: Record<string, string> = { ...call.headers };
      if (this.token !== undefined) headers.authorization = `Bearer ${this.token}`;
      const init: RequestInit = { method: call.method, headers, signal };
      if (call.body !== undefined) init.body = call.body as NonNullable<RequestInit["body"]>;
      const response = await (this.#options.fetch ?? fetch)(this.#url + call.path, init);
      if (response.ok) return await read(response);
      throw errorOf(response.status, await response.text());
    } catch (error) {
      options.signal?.throwIfAborted();
      if (ended.signal.aborted) throw new BoardTimeout(`${call.method} ${call.path} was not answered within ${timeoutMs} ms`);
      if (error instanceof TypeError) throw new BoardUnreachable(`${this.#url} does not answer`, { cause: error });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** How long to wait before the next attempt; undefined: there must be none. */
function delayOf(call: Call, error: unknown, attempt: number): number | undefined {
  // Refused before anything was done, so every request may be repeated when the board says when.
  if (error instanceof Error && "retryAfterS" in error && typeof error.retryAfterS === "number") {
    return error.retryAfterS <= RETRY_AFTER_S_MAX ? error.retryAfterS * 1000 : undefined;
  }
  if (!(error instanceof BoardUnreachable) || call.idempotent !== true) return undefined;
  return BACKOFF_MS * 2 ** attempt * (0.5 + Math.random());
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
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
