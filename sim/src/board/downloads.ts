/** The events of downloads, in their order: one head, chunks, one end. */
export interface DownloadEvents {
  head(download: number, status: number, length: number): void;
  chunk(download: number, bytes: Uint8Array): void;
  end(download: number, whole: boolean): void;
}

/** How a board gets files: as the `fetch` of Node and browsers. */
export type FetchFile = (
  url: string,
  options: { readonly headers: Record<string, string>; readonly signal: AbortSignal },
) => Promise<{
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | null;
}>;

/** The downloads of a board. Nothing is told of one that was cancelled. */
export class Downloads {
  readonly #events: DownloadEvents;
  readonly #fetchFile: FetchFile;
  readonly #running = new Map<number, AbortController>();

  constructor(events: DownloadEvents, fetchFile: FetchFile = (url, options) => fetch(url, options)) {
    this.#events = events;
    this.#fetchFile = fetchFile;
  }

  /** `connected`: when it may begin, and whether there is a connection then; without one it is told as one that broke. */
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
      this.#events.end(download, false);
    }
  }

  /** The board does not hear of them any more: it has no power. */
  forgetAll(): void {
    for (const download of [...this.#running.keys()]) this.cancel(download);
  }

  async #run(download: number, url: string, fromByte: number, abort: AbortController, connected: Promise<boolean>): Promise<void> {
    const running = () => this.#running.get(download) === abort;
    let whole = false;
    try {
      if (!(await connected)) throw new Error("no link");
      if (!running()) return;
      // Compressed, the length would be another and a range one of other bytes.
      const headers = { "accept-encoding": "identity", ...(fromByte > 0 ? { range: `bytes=${fromByte}-` } : {}) };
      const response = await this.#fetchFile(url, { headers, signal: abort.signal });
      if (!running()) return;
      this.#events.head(download, response.status, lengthOf(response.headers.get("content-length")));
      for await (const bytes of piecesOf(response.body)) {
        if (!running()) return;
        this.#events.chunk(download, bytes);
      }
      whole = true;
    } catch {
      // Told as a connection that broke, which is all that a board would know.
    }
    if (!running()) return;
    this.#running.delete(download);
    this.#events.end(download, whole);
  }
}

/** 0: unknown. No more than a whole number that is exact, which is longer than any file. */
function lengthOf(header: string | null): number {
  return header !== null && /^\d+$/.test(header) ? Math.min(Number(header), Number.MAX_SAFE_INTEGER) : 0;
}

/** Not every browser's streams can be iterated. */
async function* piecesOf(body: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  if (Symbol.asyncIterator in body) return yield* body as AsyncIterable<Uint8Array>;
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    reader.releaseLock();
  }
}
