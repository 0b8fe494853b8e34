import { Agent, type IncomingMessage, request as openRequest } from "node:http";
import { connect } from "node:net";
import type { SoakRequest } from "./cases.js";

/** How a client sends its request, and when it leaves. */
export type Manner =
  | { readonly kind: "whole" }
  | { readonly kind: "drips"; readonly pieces: number; readonly pauseMs: number }
  /** Cuts the connection in the middle of the body. */
  | { readonly kind: "leave-in-body"; readonly afterMs: number }
  /** Cuts the connection when the answer begins. */
  | { readonly kind: "leave-in-answer" };

export type Outcome =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly headers: IncomingMessage["headers"];
      readonly body: Buffer;
    }
  | { readonly kind: "left" }
  /** There was no whole answer. */
  | { readonly kind: "broken"; readonly message: string };

const ANSWER_MS_MAX = 60_000;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A client with a connection that it uses again. */
export class SoakConnection {
  #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  close(): void {
    this.#agent.destroy();
  }

  async exchange(request: SoakRequest, manner: Manner): Promise<Outcome> {
    const outcome = await this.#once(request, manner);
    // A connection that was idle may be closed at the moment in which it is used again;
    // nothing of the request was heard then.
    return outcome === "stale" ? ((await this.#once(request, manner)) as Outcome) : outcome;
  }

  #once(request: SoakRequest, manner: Manner): Promise<Outcome | "stale"> {
    return new Promise((resolve) => {
      const { method, path, body } = request;
      const headers = { "content-length": String(body.length), ...request.headers };
      const outgoing = openRequest({ host: "127.0.0.1", port: this.#port, method, path, headers, agent: this.#agent });
      let over = false;
      const end = (outcome: Outcome | "stale") => {
        over = true;
        clearTimeout(timer);
        resolve(outcome);
      };
      const leave = () => {
        if (over) return;
        end({ kind: "left" });
        outgoing.destroy();
      };
      const timer = setTimeout(() => {
        end({ kind: "broken", message: `no answer within ${ANSWER_MS_MAX} ms` });
        outgoing.destroy();
      }, ANSWER_MS_MAX);
      outgoing.on("error", (error: NodeJS.ErrnoException) => {
        if (over) return;
        end(
          outgoing.reusedSocket && error.code === "ECONNRESET" ? "stale" : { kind: "broken", message: error.message },
        );
      });
      outgoing.on("response", (response) => {
        if (manner.kind === "leave-in-answer") return leave();
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", (error) => {
          if (!over) end({ kind: "broken", message: `the answer broke off: ${error.message}` });
        });
        response.on("end", () => {
          end({
            kind: "answered",
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          });
          // What is left of the body does not matter any more.
          if (!outgoing.writableFinished) outgoing.destroy();
        });
      });
      send(outgoing, body, manner, () => over, leave);
    });
  }
}

type Outgoing = ReturnType<typeof openRequest>;

async function send(
  outgoing: Outgoing,
  body: Uint8Array,
  manner: Manner,
  over: () => boolean,
  leave: () => void,
): Promise<void> {
  const announced = Number(outgoing.getHeader("content-length"));
  if (manner.kind === "leave-in-body") {
    outgoing.write(body.subarray(0, body.length >> 1));
    await pause(manner.afterMs);
    return leave();
  }
  if (manner.kind === "drips") {
    const size = Math.max(1, Math.ceil(body.length / manner.pieces));
    for (let at = 0; at < body.length && !over(); at += size) {
      outgoing.write(body.subarray(at, at + size));
      await pause(manner.pauseMs);
    }
    if (!over()) outgoing.end();
    return;
  }
  // A body that is announced longer than it is never ends.
  if (announced > body.length) outgoing.write(body);
  else outgoing.end(body);
}

/**
 * Bytes as they are; answers everything that comes back until the connection is closed. `finish` sends the end of the
 * stream after them.
 */
export function rawExchange(port: number, bytes: Uint8Array, finish: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => (finish ? socket.end(bytes) : socket.write(bytes)));
    let answer = "";
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error(`not closed within ${ANSWER_MS_MAX} ms`)));
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "ECONNRESET" ? resolve(answer) : reject(error),
    );
  });
}
