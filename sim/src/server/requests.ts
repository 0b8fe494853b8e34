import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Connections } from "./connections.js";
import { type Refusal, refuseRequest } from "./refusal.js";

export const HEAD_BYTES_MAX = 8_192;

type OnRequest = (request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean) => void;

/**
 * Gives the requests of a server to `onRequest`, which is to `begin` them, and answers what is none itself: nothing is
 * left to the bare answers of Node.
 */
export function serveRequests(server: Server, connections: Connections, onRequest: OnRequest): void {
  const serve = (request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean) => {
    if (namesOneHost(request)) onRequest(request, response, awaitsContinue);
    else decline(connections, request, response, NO_HOST);
  };
  server.on("request", (request, response) => serve(request, response, false));
  server.on("checkContinue", (request, response) => serve(request, response, true));
  server.on("checkExpectation", (request, response) => decline(connections, request, response, UNKNOWN_EXPECTATION));
  server.on("connect", (_request, socket) => connections.refuse(socket, NO_TUNNEL));
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error.code === "ECONNRESET") return void socket.destroy();
    connections.refuse(socket, error.code === "HPE_HEADER_OVERFLOW" ? HEAD_TOO_LARGE : HEAD_MALFORMED);
  });
}

/** Answers a request that is not the core's to answer. */
function decline(connections: Connections, request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (!connections.begin(request.socket)) return;
  response.on("close", () => connections.end(request.socket));
  connections.linger(request.socket);
  request.resume();
  refuseRequest(response, refusal);
}

/** RFC 9112 section 3.2: one Host, which only HTTP/1.0 may leave out. */
function namesOneHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  const count = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === "host").length;
  return count === 1 || (count === 0 && httpVersion === "1.0");
}

// Heads are parsed by the port, not by the core, so the port answers for them; in the core's form.
const HEAD_MALFORMED: Refusal = {
  title: "Bad Request",
  status: 400,
  code: "HEAD_MALFORMED",
  detail: "the request is no HTTP/1.1",
  expected: "a request as RFC 9112 describes it",
};
const NO_HOST: Refusal = {
  ...HEAD_MALFORMED,
  detail: "the request names no host, or several",
  field: "host",
  expected: "one Host header, with the address that the board was asked at",
};
const HEAD_TOO_LARGE: Refusal = {
  title: "Request Header Fields Too Large",
  status: 431,
  code: "HEAD_TOO_LARGE",
  detail: "the request's head is too large",
  expected: `at most ${HEAD_BYTES_MAX} bytes`,
};
const UNKNOWN_EXPECTATION: Refusal = {
  title: "Expectation Failed",
  status: 417,
  code: "EXPECTATION_UNKNOWN",
  detail: "the board does not do what the request expects",
  field: "expect",
  expected: "100-continue, or no Expect header",
};
const NO_TUNNEL: Refusal = {
  title: "Method Not Allowed",
  status: 405,
  code: "METHOD_NOT_ALLOWED",
  detail: "the board opens no tunnels",
  expected: "another method than CONNECT",
};
