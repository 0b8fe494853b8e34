import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { InputError } from "synapse-engine/errors";
import { urlOf } from "../server/url.js";

export interface BrokerOptions {
  /** 0: any free port. */
  readonly port: number;
  /** Default `127.0.0.1`: only this machine. */
  readonly host?: string;
}

export interface EmbeddedBroker {
  readonly port: number;
  /** `mqtt://host:port`, for this machine. */
  readonly url: string;
  /** Serves a connection that was made by other means. */
  handle(stream: Duplex): void;
  close(): Promise<void>;
}

/**
 * A broker in this process, for simulated boards: MQTT 3.1.1, without users or persistence. Throws an InputError with
 * code `PORT_UNAVAILABLE` when the address cannot be listened on.
 */
export async function startBroker(options: BrokerOptions): Promise<EmbeddedBroker> {
  const { Aedes } = await import("aedes");
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    aedes.handle(socket);
  });
  const host = options.host ?? "127.0.0.1";
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        const message = error.code === "EADDRINUSE" ? "another program listens there" : error.message;
        reject(
          new InputError({
            code: "PORT_UNAVAILABLE",
            source: `${host}:${options.port}`,
            message,
            expected: "a free port; 0 takes any",
          }),
        );
      });
      server.listen(options.port, host, resolve);
    });
  } catch (error) {
    // Its heartbeat would keep the process alive.
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  const shown = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return {
    port,
    url: urlOf("mqtt", shown, port),
    handle: (stream) => void aedes.handle(stream),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await closed;
    },
  };
}
