import type { IncomingMessage, ServerResponse } from "node:http";
import type { OpenRequest, SimulatedBoard } from "../board/board.js";
import { type BoardServer, createHttpServer, listen, type ServeOptions } from "./listen.js";

/** A head that takes longer, and a connection on which nothing moves, are cut off. How long a body may take is the core's to say: models may take long. */
const HEAD_MS_MAX = 10_000;
const SILENT_MS_MAX = 150_000;
const KEEP_ALIVE_MS = 5_000;
const HEAD_BYTES_MAX = 8_192;
const CONNECTIONS_MAX = 64;
/** A client that was answered before its body ended has this long to read the answer before its connection is closed. */
const LINGER_MS = 5_000;

/**
 * Serves a simulated board over HTTP, or HTTPS. Throws an InputError with code `PORT_UNAVAILABLE` when the address cannot be listened on, or `TLS_INVALID`.
 */
export async function serveBoard(board: SimulatedBoard, options: ServeOptions): Promise<BoardServer> {
  const bounds = { maxHeaderSize: HEAD_BYTES_MAX, headersTimeout: HEAD_MS_MAX, requestTimeout: 0 };
  const server = createHttpServer(options, bounds);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX;
  server.setTimeout(SILENT_MS_MAX, (socket) => socket.destroy());
  server.on("request", (request, response) => exchange(board, request, response, false));
  server.on("checkContinue", (request, response) => exchange(board, request, response, true));
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
    socket.end(malformedHead(error.code === "HPE_HEADER_OVERFLOW"));
  });
  return listen(server, options);
}

/** Carries one request to the board and its answer back. */
function exchange(board: SimulatedBoard, request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
  let answered = false;
  let open: OpenRequest | undefined;
  const { "transfer-encoding": coding, "content-length": length } = request.headers;
  const bodyPending = () => (coding !== undefined || Number(length ?? 0) > 0) && !request.complete;
  const sink = {
    head: (status: number, headers: readonly (readonly [string, string])[]) => {
      if (response.headersSent || response.destroyed) return;
      for (const [name, value] of headers) response.setHeader(name, value);
      // What is left of a body that nobody wants would be taken for the next request.
      if (bodyPending()) response.setHeader("connection", "close");
      response.writeHead(status);
    },
    chunk: (bytes: Uint8Array) => void response.write(bytes),
    end: (whole: boolean) => {
      answered = true;
      // The board does not answer, or no further; or the client has left.
      if (!whole || !response.headersSent) return void request.socket.destroy();
      if (bodyPending()) linger(request);
      response.end();
    },
  };
  try {
    open = board.open({ method: request.method ?? "", target: request.url ?? "", headers: flatHeaders(request) }, sink);
  } catch {
    // The board was closed, or has crashed: what a real one would do is not answer at all.
    return void request.socket.destroy();
  }
  const opened = open;
  if (answered) return;
  if (awaitsContinue) response.writeContinue();
  request.on("data", (bytes: Buffer) => {
    if (!answered) opened.write(bytes);
  });
  request.on("end", () => {
    if (!answered) opened.end();
  });
  response.on("close", () => {
    if (!answered) opened.close();
  });
}

/**
 * A connection that is closed while its client still sends is reset, and the client may never see the answer. So only the board's side is closed at
 * first, and what still comes is thrown away.
 */
function linger(request: IncomingMessage): void {
  const { socket } = request;
  socket.destroySoon = () => void socket.end();
  request.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

function flatHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}

/** Heads are parsed by the port, not by the core, so the port answers for them; in the core's form. */
function malformedHead(tooLarge: boolean): string {
  const [status, title, code, detail, expected] = tooLarge
    ? [431, "Request Header Fields Too Large", "HEAD_TOO_LARGE", "the request's head is too large", `at most ${HEAD_BYTES_MAX} bytes`]
    : [400, "Bad Request", "HEAD_MALFORMED", "the request's head is not HTTP/1.1", "a request as RFC 9112 describes it"];
  const body = JSON.stringify({ title, status, code, detail, expected });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    "content-type: application/problem+json",
    `content-length: ${body.length}`,
    "connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}
