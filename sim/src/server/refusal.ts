import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** What the port itself has to say about a request that it does not give to the core; in the core's form (RFC 9457). */
export interface Refusal {
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly field?: string;
  readonly expected: string;
}

const MEDIA_TYPE = "application/problem+json";

/** Its members in the order in which the core gives them. */
const bodyOf = ({ title, status, code, detail, field, expected }: Refusal): string =>
  JSON.stringify({ title, status, code, detail, field, expected });

/** Answers in place of a request that could not be read. The connection says nothing more. */
export function refuseConnection(socket: Duplex, refusal: Refusal): void {
  const body = bodyOf(refusal);
  const head = [
    `HTTP/1.1 ${refusal.status} ${refusal.title}`,
    `content-type: ${MEDIA_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** Answers a request that was read; its body is not. */
export function refuseRequest(response: ServerResponse, refusal: Refusal): void {
  const body = bodyOf(refusal);
  response.writeHead(refusal.status, refusal.title, {
    "content-type": MEDIA_TYPE,
    "content-length": Buffer.byteLength(body),
    connection: "close",
  });
  response.end(body);
}
