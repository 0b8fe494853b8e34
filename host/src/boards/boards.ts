import { InputError } from "synapse-engine/errors";
import { type Board, readBoard } from "synapse-sim/boards";
import { Shipped } from "../files/shipped.js";
import { type BoardSpeed, REFERENCE_BOARD } from "../report/boardEstimate.js";

const BOARDS = new Shipped("boards");

/** PSRAM streams 170 MB/s to one core at 200 MHz (published figures: 150 to 190), and less at slower clocks. */
const PSRAM_BYTES_PER_HZ = REFERENCE_BOARD.weightBytesPerSecond / 200e6;

/** Reads a board by the path of its file, or by the name of one in `boards/`. */
export async function findBoard(pathOrId: string): Promise<Board> {
  const path = BOARDS.find(pathOrId);
  if (path !== undefined) return readBoard(path);
  throw new InputError({
    code: "BOARD_UNKNOWN",
    source: pathOrId,
    message: "no such board",
    expected: `a board file, or one of ${BOARDS.names().join(", ")}`,
  });
}

/** All boards of `boards/`, by file name. */
export async function knownBoards(): Promise<Board[]> {
  return Promise.all(BOARDS.names().map((name) => readBoard(BOARDS.path(name))));
}

/** What the estimate of board time needs of a board file; the model's weights are taken to lie in PSRAM. */
export function boardSpeed(board: Board): BoardSpeed {
  return {
    cpuHz: board.cpu.mhz * 1e6,
    cores: board.cpu.cores,
    weightBytesPerSecond: board.psram.mhz * 1e6 * PSRAM_BYTES_PER_HZ,
  };
}
