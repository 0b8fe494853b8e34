import { basename } from "node:path";
import { boardFit, sessionNeeds } from "../boards/boardFit.js";
import { findBoard, knownBoards } from "../boards/boards.js";
import { openModelFile } from "../open/openModelFile.js";
import { readPack } from "../pack/readPack.js";
import { type InspectReport, inspectPack } from "../report/inspectPack.js";

/**
 * Validates the pack at `file` with the runtime and answers everything there is to say of it; `boards` as of
 * `findBoard`, or all known.
 */
export async function inspectFile(file: string, boards?: readonly string[]): Promise<InspectReport> {
  const candidates = boards ? await Promise.all(boards.map(findBoard)) : await knownBoards();
  // The WASM build's sizes are those of a 32-bit machine, as the board is.
  const opened = await openModelFile(file, "wasm");
  try {
    const { header, sha256, signedBy, fileBytes } = readPack(opened.file, file);
    const fits = [];
    for (const board of candidates)
      fits.push(boardFit(board, fileBytes, await sessionNeeds(opened.model, board.cpu.cores)));
    const validatedBy = opened.engine.name;
    return inspectPack({ file: basename(file), fileBytes, sha256, signedBy, validatedBy, header, boards: fits });
  } finally {
    await opened.close();
  }
}
