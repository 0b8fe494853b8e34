import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { InputError } from "synapse-engine/errors";
import { lanAddress } from "../boards/lanAddress.js";

export interface ServedFile {
  /** Where boards fetch it. */
  readonly url: string;
  close(): Promise<void>;
}

export interface ServeOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** The name or address under which boards reach this machine; found out unless given. */
  readonly host?: string | undefined;
  /** The broker's host. */
  readonly brokerHost: string;
  /** Of this machine, where it meets the broker's network. */
  readonly localAddress?: string | undefined;
  /** Whether all boards run on this machine too: simulated ones, on a broker of this machine. */
  readonly boardsAreLocal?: boolean;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[?::1\]?)$/;
/** Longer names would not fit into what boards take as an address. */
const NAME_MAX = 64;

/**
 * Where boards reach this machine: boards and this machine meet at the broker, so the address that this machine has
 * there is the best guess. Throws an InputError `NO_NETWORK` or `SERVE_HOST`.
 */
export function addressForBoards(options: Omit<ServeOptions, "port">): string {
  const { host, brokerHost, localAddress, boardsAreLocal } = options;
  if (host !== undefined) {
    const named = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
    if (/^[^\s/@?#]+$/.test(named) && URL.canParse(`http://${named}:80/`) && new URL(`http://${named}:80/`).port === "")
      return named;
    throw new InputError({
      code: "SERVE_HOST",
      source: "--serve-host",
      message: `${JSON.stringify(host)} is no name or address of a machine`,
      expected: "a name or an address, without a port: 192.168.1.2",
    });
  }
  if (LOOPBACK.test(brokerHost) && boardsAreLocal) return "127.0.0.1";
  const there = localAddress?.replace(/^::ffff:/, "");
  if (there !== undefined && !LOOPBACK.test(there) && !/^fe80:/i.test(there))
    return there.includes(":") ? `[${there}]` : there;
  const address = lanAddress();
  if (address !== undefined) return address;
  throw new InputError({
    code: "NO_NETWORK",
    source: "--serve-host",
    message: "this machine has no address in a local network",
    expected: "the address under which boards reach this machine, or --url of a server that has the file",
  });
}

/**
 * Serves one file over HTTP, in parts when asked for them, under an address that nobody guesses. Throws an InputError
 * `PORT_UNAVAILABLE`, `NO_NETWORK` or `SERVE_HOST`.
 */
export async function serveFile(bytes: Uint8Array, name: string, options: ServeOptions): Promise<ServedFile> {
  const host = addressForBoards(options);
  const path = `/${randomBytes(9).toString("base64url")}/${shortName(name)}`;
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    if (request.url !== path) return void response.writeHead(404).end();
    if (request.method !== "GET" && request.method !== "HEAD")
      return void response.writeHead(405, { allow: "GET, HEAD" }).end();
    const headers = { "content-type": "application/octet-stream", "accept-ranges": "bytes" };
    const range = rangeOf(request.headers.range, bytes.length);
    if (range === "none") return void response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    const [from, to] = range ?? [0, bytes.length];
    response.writeHead(range === undefined ? 200 : 206, {
      ...headers,
      "content-length": to - from,
      ...(range === undefined ? {} : { "content-range": `bytes ${from}-${to - 1}/${bytes.length}` }),
    });
    response.end(request.method === "HEAD" ? undefined : bytes.subarray(from, to));
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        new InputError({
          code: "PORT_UNAVAILABLE",
          source: `port ${options.port}`,
          message: error.code === "EADDRINUSE" ? "another program listens there" : error.message,
          expected: "a free port; 0 takes any",
        }),
      ),
    );
    server.listen(options.port, listenAt(host), resolve);
  });
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}${path}`,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function listenAt(host: string): string {
  if (LOOPBACK.test(host)) return host === "localhost" || host.includes(":") ? "localhost" : host;
  return host.startsWith("[") ? "::" : "0.0.0.0";
}

/** For who reads a board's log; the address is no more guessable for it. */
function shortName(name: string): string {
  const encoded = encodeURIComponent(name);
  return encoded.length <= NAME_MAX ? encoded : "file";
}

/** The first and the one after the last byte; undefined: all of it; "none": there is no such part. */
function rangeOf(header: string | undefined, bytes: number): readonly [number, number] | "none" | undefined {
  // Several parts, or another unit: RFC 9110 lets a server send the whole.
  const asked = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (asked === null || (asked[1] === "" && asked[2] === "")) return undefined;
  const from = asked[1] === "" ? Math.max(0, bytes - Number(asked[2])) : Number(asked[1]);
  const to = asked[1] === "" || asked[2] === "" ? bytes : Math.min(Number(asked[2]) + 1, bytes);
  return from >= to ? "none" : [from, to];
}
