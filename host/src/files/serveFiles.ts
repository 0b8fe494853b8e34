import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { inputError } from "./inputError.js";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** A server of files to programs on this machine. */
export interface FileServer {
  /** `http://127.0.0.1:8090/`. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves files by their paths, `index.html` at the root, to this machine only. Port 0 takes any. Rejects with an
 * InputError `PORT_UNAVAILABLE`.
 */
export async function serveFiles(files: ReadonlyMap<string, Uint8Array>, port: number): Promise<FileServer> {
  const server = createServer((request, response) => {
    const [path = ""] = (request.url ?? "").split("?", 1);
    const name = path === "/" ? "index.html" : path.slice(1);
    const bytes = files.get(name);
    if (bytes === undefined) return void response.writeHead(404).end();
    if (request.method !== "GET" && request.method !== "HEAD") return void response.writeHead(405).end();
    response.writeHead(200, {
      "content-type": TYPES[extname(name)] ?? "application/octet-stream",
      "content-length": bytes.length,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    return void response.end(request.method === "HEAD" ? undefined : bytes);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const message = error.code === "EADDRINUSE" ? "another program listens there" : error.message;
      reject(inputError(`127.0.0.1:${port}`, "PORT_UNAVAILABLE", message, { expected: "a free port; 0 takes any" }));
    });
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
