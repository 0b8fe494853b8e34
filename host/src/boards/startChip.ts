import { readFile, rename, writeFile } from "node:fs/promises";
import { InputError } from "synapse-engine/errors";
import { type LineFaults, type SimulatedBoardOptions, type SimulatedChip, startSimulatedChip } from "synapse-sim";
import type { Board } from "synapse-sim/boards";
import { type BoardConnections, connectBoard } from "./startBoard.js";

export interface StartChipRequest extends BoardConnections {
  readonly board: Board;
  readonly engine?: SimulatedBoardOptions["engine"];
  /** Of the serial line; undefined: the usual one, or any when that is taken. */
  readonly serialPort: number | undefined;
  /** Path of the flash's contents; a new file when there is none. */
  readonly flashFile?: string | undefined;
  /** What is wrong with its cable. */
  readonly faults?: LineFaults | undefined;
  /** What the chip prints. */
  readonly print: (text: string) => void;
  /** A board that was flashed runs, at this address. */
  readonly running: (url: string) => void;
}

/** Where the line is unless another port is asked for. */
const SERIAL_PORT = 2217;

/** A simulated chip behind a serial line; a board that it boots is served as others are. */
export async function startChip(request: StartChipRequest): Promise<Pick<SimulatedChip, "url" | "pty" | "close">> {
  const { board, engine, flashFile, faults, print } = request;
  const flash = flashFile === undefined ? undefined : await readFlash(flashFile);
  // Its address stays the same over resets.
  let port = request.port;
  const start = (serialPort: number): Promise<SimulatedChip> =>
    startSimulatedChip({
      board,
      port: serialPort,
      pty: true,
      print,
      ...(engine === undefined ? {} : { engine }),
      ...(flash === undefined ? {} : { flash }),
      ...(faults === undefined ? {} : { faults }),
      serve: async (simulated) => {
        const connected = await connectBoard(simulated, { ...request, port });
        port = connected.server.port;
        request.running(connected.server.url);
        return { url: connected.server.url, close: () => connected.close() };
      },
    });
  const chip = await startAt(start, request.serialPort);
  return {
    url: chip.url,
    pty: chip.pty,
    close: async () => {
      await chip.close();
      if (flashFile !== undefined) await keepFlash(flashFile, chip.flash.contents);
    },
  };
}

async function startAt(
  start: (port: number) => Promise<SimulatedChip>,
  port: number | undefined,
): Promise<SimulatedChip> {
  if (port !== undefined) return start(port);
  try {
    return await start(SERIAL_PORT);
  } catch (error) {
    if (!(error instanceof InputError && error.code === "PORT_UNAVAILABLE")) throw error;
    return start(0);
  }
}

/** Undefined when there is no such file yet. */
async function readFlash(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new InputError({
      code: "FLASH_FILE_UNREADABLE",
      source: path,
      message: (cause as Error).message,
      expected: "a file with the contents of a whole flash, or none",
    });
  }
}

/** Whole or not at all. */
async function keepFlash(path: string, contents: Uint8Array): Promise<void> {
  await writeFile(`${path}.part`, contents);
  await rename(`${path}.part`, path);
}
