import type { IncomingMessage, ServerResponse } from "node:http";
import { SimulatedBoard } from "../board/board.js";
import { type BoardServer, createHttpServer, guardConnections, listen, type ServeOptions } from "../server/listen.js";
import { serveRequests } from "../server/requests.js";
import { type TabFile, type TabSource, tabFiles } from "./tabFiles.js";

export type TabOptions = TabSource & ServeOptions;

const SILENT_MS_MAX = 30_000;

/**
 * Serves a page that is a whole board: core, runtime and model run in the visitor's tab, and the server sees nothing
 * but the loading of some files. Throws an InputError as `SimulatedBoard.create` does when there could be no such
 * board, `PORT_UNAVAILABLE`, and `TLS_INVALID`.
 */
export async function serveTab(options: TabOptions): Promise<BoardServer> {
  // What a board refuses is said here, and not in every tab.
  await (await SimulatedBoard.create({ ...options, engine: "wasm" })).close();
  const files = await tabFiles(options);
  const server = createHttpServer(options);
  const connections = guardConnections(server, options);
  server.setTimeout(SILENT_MS_MAX, (socket) => socket.destroy());
  serveRequests(server, connections, (request, response) => {
    if (!connections.begin(request.socket)) return;
    response.on("close", () => connections.end(request.socket));
    answer(files, request, response);
    connections.answered(request.socket);
  });
  return listen(server, options, connections);
}

function answer(files: ReadonlyMap<string, TabFile>, request: IncomingMessage, response: ServerResponse): void {
  const [path = ""] = (request.url ?? "").split("?", 1);
  const file = files.get(path);
  if (file === undefined) {
    refuse(
      response,
      404,
      "Not Found",
      `the board is in the tab; here are only its files: ${[...files.keys()].join(" ")}`,
    );
  } else if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    refuse(response, 405, "Method Not Allowed", "files are only read");
  } else if (request.headers["if-none-match"] === file.headers.etag) {
    response.writeHead(304, file.headers).end();
  } else {
    response.writeHead(200, { ...file.headers, "content-length": file.bytes.length });
    response.end(request.method === "HEAD" ? undefined : file.bytes);
  }
}

function refuse(response: ServerResponse, status: number, title: string, detail: string): void {
  response.setHeader("connection", "close");
  response.writeHead(status, { "content-type": "application/problem+json" });
  response.end(JSON.stringify({ title, status, detail }));
}
