import type { Channel } from "./boardClient.js";
import { type Call, type CallOptions, delayOf, limitTime, sleep } from "./call.js";
import { BoardTimeout, BoardUnreachable, errorOf, UnexpectedAnswer } from "./errors.js";
import { readEvents, type ServerEvent } from "./events.js";

export interface HttpOptions {
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

const TIMEOUT_MS = 30_000;
const RETRIES_MAX = 3;

/** What stands before the routes' paths. Empty, or a path alone, is the origin of the page that asks. */
function baseOf(url: string): string {
  const expected = 'expected the address alone, such as "http://board.local"';
  if (/[?#]/.test(url))
    throw new TypeError(
      `url has a query or a fragment; ${expected}, and the token that a page's address shows as "token"`,
    );
  if (!/^(https?:\/\/[^/]+)?(\/.*)?$/.test(url)) throw new TypeError(`url is ${JSON.stringify(url)}; ${expected}`);
  if (/^[^/]*\/\/[^/]*@/.test(url)) throw new TypeError(`url has a user, which boards know none of; ${expected}`);
  return url.replace(/\/+$/, "");
}

/** As it goes into a header: what cannot would be told as a board that does not answer. */
function checkedToken(token: string | undefined): string | undefined {
  if (token === undefined || /^[\x21-\x7e]*$/.test(token.trim())) return token?.trim();
  throw new TypeError("token has characters that no board puts into one; expected what claim answered");
}

/** One board's HTTP: bearer token, timeouts, and repeating what is safe to repeat. */
export class HttpChannel implements Channel {
  readonly #url: string;
  readonly #options: HttpOptions;
  token: string | undefined;

  constructor(options: HttpOptions) {
    this.#url = baseOf(options.url);
    this.#options = options;
    this.token = checkedToken(options.token);
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

  async *events(call: Call, options: CallOptions = {}): AsyncGenerator<ServerEvent> {
    const stream = await this.#repeat(call, options, async (response) => {
      if (response.body === null) throw new UnexpectedAnswer(`${call.method} ${call.path} was answered without a body`);
      return response.body as ReadableStream<Uint8Array>;
    });
    try {
      yield* readEvents(stream);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof TypeError) throw this.#unreachable(error);
      throw error;
    }
  }

  sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    return (this.#options.sleep ?? sleep)(milliseconds, signal);
  }

  async #repeat<Result>(
    call: Call,
    options: CallOptions,
    read: (response: Response) => Promise<Result>,
  ): Promise<Result> {
    const retriesMax = this.#options.retriesMax ?? RETRIES_MAX;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#once(call, options, read);
      } catch (error) {
        const delayMs = attempt < retriesMax ? delayOf(call, error, attempt) : undefined;
        if (delayMs === undefined) throw error;
        await this.sleep(delayMs, options.signal);
      }
    }
  }

  async #once<Result>(
    call: Call,
    options: CallOptions,
    read: (response: Response) => Promise<Result>,
  ): Promise<Result> {
    options.signal?.throwIfAborted();
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS;
    const ended = new AbortController();
    const timer = limitTime(timeoutMs, () => ended.abort());
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
      if (ended.signal.aborted)
        throw new BoardTimeout(`${call.method} ${call.path} was not answered within ${timeoutMs} ms`);
      if (error instanceof TypeError) throw this.#unreachable(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #unreachable(cause: TypeError): BoardUnreachable {
    return new BoardUnreachable(`${this.#url} does not answer`, { cause });
  }
}
