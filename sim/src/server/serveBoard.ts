import type { IncomingMessage, ServerResponse } from "node:http";
import type { OpenRequest, SimulatedBoard } from "../board/board.js";
import type { Connections } from "./connections.js";
import { type BoardServer, createHttpServer, guardConnections, listen, type ServeOptions } from "./listen.js";
import { type Refusal, refuseRequest } from "./refusal.js";

const HEAD_BYTES_MAX = 8_192;
/** A connection on which nothing moves, though a request is in progress. How long a body may take is the core's to say: models may take long. */
const SILENT_MS_MAX = 150_000;

/**
 * Serves a simulated board over HTTP, or HTTPS. Throws an InputError with code `PORT_UNAVAILABLE` when the address cannot be listened on, or `TLS_INVALID`.
 */
export async function serveBoard(board: SimulatedBoard, options: ServeOptions): Promise<BoardServer> {
  // Who says no host is told so below.
  const server = createHttpServer(options, { maxHeaderSize: HEAD_BYTES_MAX, requireHostHeader: false });
  const connections = guardConnections(server, options);
  server.setTimeout(SILENT_MS_MAX, (socket) => socket.destroy());
  server.on("request", (request, response) => exchange(board, connections, request, response, false));
  server.on("checkContinue", (request, response) => exchange(board, connections, request, response, true));
  server.on("checkExpectation", (request, response) => decline(connections, request, response, UNKNOWN_EXPECTATION));
  server.on("connect", (_request, socket) => connections.refuse(socket, NO_TUNNEL));
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error.code === "ECONNRESET") return void socket.destroy();
    connections.refuse(socket, error.code === "HPE_HEADER_OVERFLOW" ? HEAD_TOO_LARGE : HEAD_MALFORMED);
  });
  return listen(server, options, connections);
}

/** Carries one request to the board and its answer back. */
function exchange(
  board: SimulatedBoard,
  connections: Connections,
  request: IncomingMessage,
  response: ServerResponse,
  awaitsContinue: boolean,
): void {
  if (!namesOneHost(request)) return void decline(connections, request, response, NO_HOST);
  const { socket } = request;
  if (!connections.begin(socket)) return;
  let answered = false;
  let open: OpenRequest | undefined;
  const sink = {
    head: (status: number, headers: readonly (readonly [string, string])[]) => {
      if (response.headersSent || response.destroyed) return;
      for (const [name, value] of headers) response.setHeader(name, value);
      // What is left of a body that nobody wants would be taken for the next request.
      if (bodyPending(request)) response.setHeader("connection", "close");
      connections.answering(socket);
      response.writeHead(status);
    },
    chunk: (bytes: Uint8Array) => void response.write(bytes),
    end: (whole: boolean) => {
      answered = true;
      // The board does not answer, or no further; or the client has left.
      if (!whole || !response.headersSent) return void socket.destroy();
      finish(connections, request, response);
    },
  };
  try {
    open = board.open({ method: request.method ?? "", target: request.url ?? "", headers: flatHeaders(request) }, sink);
  } catch {
    // The board was closed, or has crashed: what a real one would do is not answer at all.
    return void socket.destroy();
  }
  const opened = open;
  response.on("close", () => {
    connections.end(socket);
    if (!answered) opened.close();
  });
  if (answered) return;
  if (awaitsContinue) response.writeContinue();
  request.on("data", (bytes: Buffer) => {
    if (!answered) opened.write(bytes);
  });
  request.on("end", () => {
    if (!answered) opened.end();
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

/** Ends an answer; of a request whose body has not ended, the rest is not wanted. */
function finish(connections: Connections, request: IncomingMessage, response: ServerResponse): void {
  if (bodyPending(request)) {
    connections.linger(request.socket);
    request.resume();
  }
  connections.answered(request.socket);
  response.end();
}

function bodyPending({ headers, complete }: IncomingMessage): boolean {
  return (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0) && !complete;
}

/** RFC 9112 section 3.2: one Host, which only HTTP/1.0 may leave out. */
function namesOneHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  const count = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === "host").length;
  return count === 1 || (count === 0 && httpVersion === "1.0");
}

function flatHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
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
