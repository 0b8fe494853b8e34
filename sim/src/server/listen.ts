import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { InputError } from "synapse-engine/errors";
import { secureOptions, type TlsIdentity } from "../tls.js";
import { CONNECTION_LIMITS, type ConnectionLimits, Connections } from "./connections.js";
import { HEAD_BYTES_MAX } from "./requests.js";
import { urlOf } from "./url.js";

export interface ServeOptions {
  /** 0: any free port. */
  readonly port: number;
  /** Default `127.0.0.1`: only this machine. `0.0.0.0` serves the local network. */
  readonly host?: string;
  /** Of what is not given, `CONNECTION_LIMITS`. */
  readonly connections?: Partial<ConnectionLimits>;
  /** HTTPS, and nothing else at this port; without it, HTTP. */
  readonly tls?: TlsIdentity;
}

export interface BoardServer {
  readonly host: string;
  readonly port: number;
  /** `http://host:port`, or `https:`, with `127.0.0.1` when it listens everywhere. */
  readonly url: string;
  /** Closes all connections; the board itself stays open. */
  close(): Promise<void>;
}

/**
 * A server that does not listen yet. Throws an InputError with code `TLS_INVALID` when certificate and key are none, or
 * not one of the other.
 */
export function createHttpServer({ tls }: ServeOptions): Server {
  // Who names no host is told so in `serveRequests`.
  const options = { maxHeaderSize: HEAD_BYTES_MAX, requireHostHeader: false };
  return tls === undefined
    ? createServer(options)
    : createTlsServer({ ...options, ...secureOptions({ identity: tls }) });
}

/** Gives each client its share of a server's connections, and each connection its time. */
export function guardConnections(server: Server, options: ServeOptions): Connections {
  return new Connections(server, { ...CONNECTION_LIMITS, ...options.connections });
}

/** Throws an InputError with code `PORT_UNAVAILABLE` when the address cannot be listened on. */
export async function listen(server: Server, options: ServeOptions, connections: Connections): Promise<BoardServer> {
  const host = options.host ?? "127.0.0.1";
  await bind(server, host, options.port);
  const { port } = server.address() as AddressInfo;
  const shown = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return {
    host,
    port,
    url: urlOf(options.tls === undefined ? "http" : "https", shown, port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        connections.destroyAll();
      }),
  };
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE";
      const message = taken ? "another program listens there" : error.message;
      reject(
        new InputError({
          code: "PORT_UNAVAILABLE",
          source: `${host}:${port}`,
          message,
          expected: "a free port; 0 takes any",
        }),
      );
    };
    server.once("error", refuse);
    try {
      server.listen(port, host, resolve);
    } catch (error) {
      // A number that is no port, as the last of many boards may be given.
      refuse(error as Error);
    }
  });
}
