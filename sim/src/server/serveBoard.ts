import type { IncomingMessage, ServerResponse } from "node:http";
import type { OpenRequest, SimulatedBoard } from "../board/board.js";
import type { Connections } from "./connections.js";
import { type BoardServer, createHttpServer, guardConnections, listen, type ServeOptions } from "./listen.js";
import { serveRequests } from "./requests.js";

/**
 * A connection on which nothing moves, though a request is in progress. How long a body may take is the core's to say:
 * models may take long.
 */
const SILENT_MS_MAX = 150_000;

/**
 * Serves a simulated board over HTTP, or HTTPS. Throws an InputError with code `PORT_UNAVAILABLE` when the address
 * cannot be listened on, or `TLS_INVALID`.
 */
export async function serveBoard(board: SimulatedBoard, options: ServeOptions): Promise<BoardServer> {
  const server = createHttpServer(options);
  const connections = guardConnections(server, options);
  server.setTimeout(SILENT_MS_MAX, (socket) => socket.destroy());
  serveRequests(server, connections, (request, response, awaitsContinue) =>
    exchange(board, connections, request, response, awaitsContinue),
  );
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
    const client = request.socket.remoteAddress ?? "";
    open = board.open(
      { method: request.method ?? "", target: request.url ?? "", client, headers: flatHeaders(request) },
      sink,
    );
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

function flatHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}
