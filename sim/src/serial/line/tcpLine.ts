import { createServer, type Server, type Socket } from "node:net";
import { InputError } from "synapse-engine/errors";
import type { Chip } from "../chip/chip.js";
import { Rfc2217 } from "./rfc2217.js";
import type { Turns } from "./turns.js";

const IAC = 0xff;

function unavailable(error: NodeJS.ErrnoException, host: string, port: number): InputError {
  return new InputError({
    code: "PORT_UNAVAILABLE",
    source: `${host}:${port}`,
    message: error.code === "EADDRINUSE" ? "another program listens there" : error.message,
    expected: "a free port; 0 takes any",
  });
}

/**
 * The chip's serial line on a TCP port, for one program at a time; others wait for their turn. Bytes go as they are. A
 * program that begins with a telnet command is talked to by RFC 2217, and then has DTR, RTS and a baud rate.
 */
export class TcpLine {
  #chip: Chip;
  #server: Server;
  #turns: Turns;
  #sockets = new Set<Socket>();

  private constructor(chip: Chip, turns: Turns) {
    this.#chip = chip;
    this.#turns = turns;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Port 0 takes any. Rejects with an InputError `PORT_UNAVAILABLE` when the port cannot be had. */
  static async open(chip: Chip, turns: Turns, port: number, host: string): Promise<TcpLine> {
    const line = new TcpLine(chip, turns);
    await new Promise<void>((resolve, reject) => {
      line.#server.once("error", (error: NodeJS.ErrnoException) => reject(unavailable(error, host, port)));
      line.#server.listen(port, host, () => resolve());
    });
    return line;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    socket.setNoDelay(true);
    // Whoever goes without a word has gone; `close` follows.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#turns.leave(socket, () => this.#chip.detach());
    });
    this.#sockets.add(socket);
    this.#turns.ask(socket, () => this.#start(socket));
  }

  #start(socket: Socket): void {
    const raw = {
      signals: false,
      send: (bytes: Uint8Array) => void socket.write(bytes),
      baud: undefined,
      drop: () => void socket.destroy(),
    };
    this.#chip.attach(raw);
    let telnet: Rfc2217 | undefined;
    let first = true;
    socket.on("data", (bytes) => {
      if (first && bytes[0] === IAC) telnet = new Rfc2217(this.#chip, socket);
      first = false;
      if (telnet) telnet.receive(bytes);
      else this.#chip.receive(bytes);
    });
  }
}
