import type { BoardRequestInit, Transport } from "synapse-page/transport";
import type { BoardMessage, PageMessage, RequestMessage, StartMessage } from "./protocol.js";

/** A body crosses in pieces of this size, the next one when the board has taken the one before. */
const PIECE_BYTES = 65_536;
const NULL_BODY_STATUSES = [204, 205, 304];

/**
 * A transport to the board in `worker`. The tab is its board's owner: whatever token the page brings, of some other
 * board that this address had before, the board's own goes with every request.
 */
export function tabTransport(worker: Worker): Transport {
  let token = "";
  const running = new Promise<void>((resolve, reject) => {
    worker.addEventListener("error", (event) =>
      reject(new TypeError(`the board's worker cannot start: ${event.message}`)),
    );
    worker.addEventListener("message", ({ data }: MessageEvent<StartMessage>) => {
      if (data.kind === "failed") return reject(new TypeError(`the board cannot start: ${data.message}`));
      token = data.ownerToken;
      resolve();
    });
  });
  running.catch((error: Error) => console.error(error.message));
  const transport = async (path: string, init: BoardRequestInit = {}): Promise<Response> => {
    await untilAborted(running, init.signal);
    const { pathname, search } = new URL(path, "http://board/");
    const carried = new Response(init.body ?? null);
    const type = carried.headers.get("content-type");
    const body = init.body == null ? undefined : await carried.blob();
    const headers = new Headers(init.headers);
    if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
    if (body !== undefined) headers.set("content-length", String(body.size));
    headers.set("authorization", `Bearer ${token}`);
    const method = (init.method ?? "GET").toUpperCase();
    const answer = await exchange(
      worker,
      { method, target: pathname + search, headers: Object.fromEntries(headers) },
      body,
      init,
    );
    // The owner has given the board up and claimed it again, or wants another token.
    if (pathname === "/v1/claim" && answer.status === 201)
      token = ((await answer.clone().json()) as { token: string }).token;
    return answer;
  };
  return Object.assign(transport, { isOwner: true });
}

function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal | null | undefined): Promise<Value> {
  if (signal == null) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

function lengthOf(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  return length === null ? undefined : Number(length);
}

/** Sends a body in pieces, each when the board has taken the one before, until the request is over. */
class BodySender {
  /** Called when the board has taken a piece, and when the request is over. */
  taken: () => void = () => {};
  readonly #send: (message: PageMessage) => void;
  readonly #isOver: () => boolean;

  constructor(send: (message: PageMessage) => void, isOver: () => boolean) {
    this.#send = send;
    this.#isOver = isOver;
  }

  async sendAll(body: Blob | undefined, onProgress?: (sentBytes: number) => void): Promise<void> {
    for (let at = 0; body !== undefined && at < body.size; at += PIECE_BYTES) {
      const bytes = await body.slice(at, at + PIECE_BYTES).arrayBuffer();
      // The board may have answered already, or the client left.
      if (this.#isOver()) return;
      await new Promise<void>((resolve) => {
        this.taken = resolve;
        this.#send({ kind: "body", bytes });
      });
      if (this.#isOver()) return;
      onProgress?.(Math.min(at + PIECE_BYTES, body.size));
    }
    if (!this.#isOver()) this.#send({ kind: "end" });
  }
}

/** One request and its answer over a channel of its own. */
function exchange(
  worker: Worker,
  head: RequestMessage,
  body: Blob | undefined,
  { signal, onUploadProgress }: BoardRequestInit,
): Promise<Response> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const { port1: port, port2 } = new MessageChannel();
    const send = (message: PageMessage) => port.postMessage(message, message.kind === "body" ? [message.bytes] : []);
    let answer: ReadableStreamDefaultController<Uint8Array> | undefined;
    let missingBytes: number | undefined;
    let over = false;
    const bodySender = new BodySender(send, () => over);
    const finish = () => {
      over = true;
      bodySender.taken();
      port.close();
      signal?.removeEventListener("abort", abort);
    };
    const fail = (error: unknown) => {
      if (over) return;
      finish();
      answer?.error(error);
      reject(error);
    };
    const leave = () => void (over || send({ kind: "close" }));
    const abort = () => {
      leave();
      fail(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });

    const onHead = ({ status, headers }: Extract<BoardMessage, { kind: "head" }>) => {
      const given = new Headers(headers.map(([name, value]): [string, string] => [name, value]));
      const empty = NULL_BODY_STATUSES.includes(status) || head.method === "HEAD";
      missingBytes = empty ? undefined : lengthOf(given);
      const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
        start: (controller) => {
          answer = controller;
        },
        cancel: () => {
          leave();
          if (!over) finish();
        },
      });
      resolve(new Response(empty ? null : stream, { status, headers: given }));
    };
    port.onmessage = ({ data }: MessageEvent<BoardMessage>) => {
      if (over) return;
      if (data.kind === "taken") return bodySender.taken();
      if (data.kind === "head") return onHead(data);
      if (data.kind === "chunk") {
        if (missingBytes !== undefined) missingBytes -= data.bytes.length;
        return answer?.enqueue(data.bytes);
      }
      if (answer === undefined) return fail(new TypeError("the board does not answer"));
      if (missingBytes || !data.whole) return fail(new TypeError("the board stopped in the middle of its answer"));
      finish();
      answer.close();
    };
    worker.postMessage(head, [port2]);

    // A file that changed while it was being read.
    bodySender.sendAll(body, onUploadProgress).catch((error) => {
      leave();
      fail(error);
    });
  });
}
