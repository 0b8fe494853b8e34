import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface BadCable {
  /** `socket://127.0.0.1:N`: what is said there reaches the board, as far as the cable does. */
  readonly url: string;
  close(): Promise<void>;
}

export interface BadCableOptions {
  /** It is pulled when so many bytes have gone to the board. */
  readonly pulledAfter?: number;
  /** Whether byte `index` towards the board, or from it, is lost. */
  readonly loses?: (index: number, towards: "board" | "host") => boolean;
}

/** A connection to a simulated chip that is not what it should be. */
export async function badCable(url: string, options: BadCableOptions): Promise<BadCable> {
  const { hostname, port } = new URL(url);
  const open = new Set<Socket>();
  const passed = { board: 0, host: 0 };
  const through = (bytes: Buffer, towards: "board" | "host") => {
    const start = passed[towards];
    passed[towards] += bytes.length;
    return bytes.filter((_, i) => options.loses?.(start + i, towards) !== true);
  };
  const server = createServer((host) => {
    const board = connect(Number(port), hostname);
    const pull = () => {
      host.destroy();
      board.destroy();
    };
    for (const socket of [host, board]) {
      open.add(socket);
      socket.on("close", pull).on("error", pull);
    }
    host.on("data", (bytes) => {
      board.write(through(bytes, "board"));
      if (passed.board > (options.pulledAfter ?? Number.POSITIVE_INFINITY)) pull();
    });
    board.on("data", (bytes) => host.write(through(bytes, "host")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `socket://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
