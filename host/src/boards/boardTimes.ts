import type { Board } from "synapse-sim/boards";
import { readInput } from "../files/readInput.js";
import { PACK_BYTES_MAX } from "../open/openModelFile.js";
import { readPack } from "../pack/readPack.js";
import { type BoardTime, estimateBoardTime } from "../report/boardEstimate.js";
import { entryWork } from "../report/kernelWork.js";
import { boardSpeed } from "./boards.js";

/**
 * What each entry point of the pack at `file`, at its largest number of rows, would take on `board`: the estimates of
 * `bench`.
 */
export async function boardTimes(file: string, board: Board): Promise<BoardTime[]> {
  const { header } = readPack(await readInput(file, "a .syn file", PACK_BYTES_MAX), file);
  return header.entries.map(({ name }) => ({
    entry: name,
    estimate: estimateBoardTime(entryWork(header, name), boardSpeed(board)),
  }));
}
