import type { Board, BoardEngine } from "synapse-sim";
import type { BoardEstimate } from "../report/boardEstimate.js";
import { benchPack } from "./benchPack.js";
import { boardSpeed } from "./boards.js";

export interface BoardTime {
  readonly entry: string;
  readonly estimate: BoardEstimate;
}

/**
 * What each entry point of the pack at `file` would take on `board`: the estimate of `bench`, from the work that one run of each counts. The engine that
 * counts makes no difference to it.
 */
export async function boardTimes(file: string, board: Board, engine: BoardEngine, signal: AbortSignal): Promise<BoardTime[]> {
  const measured = { engine, threads: 1, runs: 1, warmups: 0, seed: 1, signal, board: { name: board.name, speed: boardSpeed(board) } };
  const { entries } = await benchPack(file, measured);
  return entries.flatMap(({ entry, boardEstimate }) => (boardEstimate ? [{ entry, estimate: boardEstimate }] : []));
}
