import type { Board } from "synapse-sim/boards";
import { readInput } from "../files/readInput.js";
import { readPack } from "../pack/readPack.js";
import { type BoardEstimate, estimateBoardTime } from "../report/boardEstimate.js";
import { entryWork } from "../report/kernelWork.js";
import { PACK_BYTES_MAX } from "../run/openModelFile.js";
import { boardSpeed } from "./boards.js";

export interface BoardTime {
  readonly entry: string;
  readonly estimate: BoardEstimate;
}

/** What each entry point of the pack at `file`, at its largest number of rows, would take on `board`: the estimates of `bench`. */
export async function boardTimes(file: string, board: Board): Promise<BoardTime[]> {
  const { header } = readPack(await readInput(file, "a .syn file", PACK_BYTES_MAX), file);
  return header.entries.map(({ name }) => ({ entry: name, estimate: estimateBoardTime(entryWork(header, name), boardSpeed(board)) }));
}
