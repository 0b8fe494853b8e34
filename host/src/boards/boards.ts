import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "synapse-engine/errors";
import { type Board, readBoard } from "synapse-sim/boards";
import { type BoardSpeed, REFERENCE_BOARD } from "../report/boardEstimate.js";

/** The boards' files lie in a published package, and else beside this project's packages. */
const PLACES = [new URL("../../boards/", import.meta.url), new URL("../../../boards/", import.meta.url)].map((url) =>
  fileURLToPath(url),
);
const BOARDS = PLACES.find((folder) => existsSync(folder)) ?? (PLACES[0] as string);

/** PSRAM streams 170 MB/s to one core at 200 MHz (published figures: 150 to 190), and less at slower clocks. */
const PSRAM_BYTES_PER_HZ = REFERENCE_BOARD.weightBytesPerSecond / 200e6;

/** Reads a board by the path of its file, or by the name of one in `boards/`. */
export async function findBoard(pathOrId: string): Promise<Board> {
  const known = join(BOARDS, `${pathOrId}.json`);
  if (!existsSync(pathOrId) && /^[\w-]+$/.test(pathOrId)) {
    if (existsSync(known)) return readBoard(known);
    const ids = knownBoardFiles().map((file) => file.replace(/\.json$/, ""));
    throw new InputError({
      code: "BOARD_UNKNOWN",
      source: pathOrId,
      message: "no such board",
      expected: `a board file, or one of ${ids.join(", ")}`,
    });
  }
  return readBoard(pathOrId);
}

/** All boards of `boards/`, by file name. */
export async function knownBoards(): Promise<Board[]> {
  return Promise.all(knownBoardFiles().map((file) => readBoard(join(BOARDS, file))));
}

function knownBoardFiles(): string[] {
  if (!existsSync(BOARDS)) return [];
  return readdirSync(BOARDS)
    .filter((file) => file.endsWith(".json"))
    .sort();
}

/** What the estimate of board time needs of a board file; the model's weights are taken to lie in PSRAM. */
export function boardSpeed(board: Board): BoardSpeed {
  return {
    cpuHz: board.cpu.mhz * 1e6,
    cores: board.cpu.cores,
    weightBytesPerSecond: board.psram.mhz * 1e6 * PSRAM_BYTES_PER_HZ,
  };
}
