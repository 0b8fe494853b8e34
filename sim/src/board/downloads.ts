import type { FetchResult } from "./deviceCore.js";
import { FetchRefused, fetchFailure } from "./fetchFailure.js";

/** The events of downloads, in their order: one head, chunks, one end. */
export interface DownloadEvents {
  /** `length` 0: unknown. `mediaType` may be empty. */
  head(download: number, status: number, length: number, mediaType: string): void;
  chunk(download: number, bytes: Uint8Array): void;
  end(download: number, result: FetchResult): void;
}

interface FileResponse {
  readonly status: number;
  /** `opaqueredirect`: browsers do not show where a redirect leads. */
  readonly type?: string;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | null;
}

interface FetchOptions {
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
  readonly redirect: "manual" | "follow";
}

/** How a board gets files: as the `fetch` of Node and browsers. */
export type FetchFile = (url: string, options: FetchOptions) => Promise<FileResponse>;

const REDIRECT_STATUSES = [301, 302, 303, 307, 308];
const REDIRECTS_MAX = 10;

/**
 * GETs a file, following redirects to other http:// and https:// addresses. A user and a password in the address go to
 * its own host alone, as a header: fetch takes none in addresses. Throws what `fetchFailure` knows.
 */
async function fetchFollowing(fetchFile: FetchFile, url: string, headers: Record<string, string>, signal: AbortSignal) {
  const seen = new Set<string>();
  let at = addressOf(url, undefined, "address");
  const { origin, username, password } = at;
  const credentials = new TextEncoder().encode(`${decoded(username)}:${decoded(password)}`);
  const authorization =
    username + password === "" ? {} : { authorization: `Basic ${btoa(String.fromCharCode(...credentials))}` };
  for (;;) {
    at.username = "";
    at.password = "";
    at.hash = "";
    if (seen.has(at.href) || seen.size > REDIRECTS_MAX) throw new FetchRefused("redirects");
    seen.add(at.href);
    const options = { headers: { ...headers, ...(at.origin === origin ? authorization : {}) }, signal };
    const response = await fetchFile(at.href, { ...options, redirect: "manual" });
    if (response.type === "opaqueredirect") return await fetchFile(at.href, { ...options, redirect: "follow" });
    const location = REDIRECT_STATUSES.includes(response.status) ? response.headers.get("location") : null;
    if (location === null) return response;
    if (response.body !== null && "cancel" in response.body) await response.body.cancel().catch(() => undefined);
    at = addressOf(location, at.href, "scheme");
  }
}

function addressOf(text: string, base: string | undefined, otherScheme: FetchResult): URL {
  if (!URL.canParse(text, base)) throw new FetchRefused("address");
  const address = new URL(text, base);
  if (address.protocol !== "http:" && address.protocol !== "https:") throw new FetchRefused(otherScheme);
  return address;
}

/** What cannot be decoded stands for itself. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The downloads of a board. Nothing is told of one that was cancelled. */
export class Downloads {
  readonly #events: DownloadEvents;
  readonly #fetchFile: FetchFile;
  readonly #running = new Map<number, AbortController>();

  constructor(events: DownloadEvents, fetchFile: FetchFile = (url, options) => fetch(url, options)) {
    this.#events = events;
    this.#fetchFile = fetchFile;
  }

  /** `connected`: when it may begin, and whether there is a link then. */
  start(download: number, url: string, fromByte: number, connected: Promise<boolean>): void {
    const abort = new AbortController();
    this.#running.set(download, abort);
    void this.#run(download, url, fromByte, abort, connected);
  }

  cancel(download: number): void {
    this.#running.get(download)?.abort();
    this.#running.delete(download);
  }

  /** All connections break: the link is lost. */
  breakAll(): void {
    for (const download of [...this.#running.keys()]) {
      this.cancel(download);
      this.#events.end(download, "broken");
    }
  }

  /** The board does not hear of them any more: it has no power. */
  forgetAll(): void {
    for (const download of [...this.#running.keys()]) this.cancel(download);
  }

  async #run(
    download: number,
    url: string,
    fromByte: number,
    abort: AbortController,
    connected: Promise<boolean>,
  ): Promise<void> {
    const running = () => this.#running.get(download) === abort;
    let result: FetchResult = "broken";
    try {
      if (!(await connected)) throw new FetchRefused("unreachable");
      if (!running()) return;
      // Compressed, the length would be another and a range one of other bytes.
      const headers = { "accept-encoding": "identity", ...(fromByte > 0 ? { range: `bytes=${fromByte}-` } : {}) };
      const response = await fetchFollowing(this.#fetchFile, url, headers, abort.signal);
      if (!running()) return;
      const length = lengthOf(response.headers.get("content-length"));
      this.#events.head(download, response.status, length, response.headers.get("content-type") ?? "");
      for await (const bytes of piecesOf(response.body)) {
        if (!running()) return;
        this.#events.chunk(download, bytes);
      }
      result = "whole";
    } catch (error) {
      result = fetchFailure(error);
    }
    if (!running()) return;
    this.#running.delete(download);
    this.#events.end(download, result);
  }
}

/** 0: unknown. No more than a whole number that is exact, which is longer than any file. */
function lengthOf(header: string | null): number {
  return header !== null && /^\d+$/.test(header) ? Math.min(Number(header), Number.MAX_SAFE_INTEGER) : 0;
}

/** Not every browser's streams can be iterated. */
async function* piecesOf(
  body: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | null,
): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  if (Symbol.asyncIterator in body) return yield* body as AsyncIterable<Uint8Array>;
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    reader.releaseLock();
  }
}
