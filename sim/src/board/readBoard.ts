import { readFile } from "node:fs/promises";
import { InputError } from "synapse-engine/errors";
import { type Board, parseBoard } from "./boardSchema.js";

/** Reads a board file. Throws an InputError: `BOARD_UNREADABLE`, or what `parseBoard` throws. */
export async function readBoard(path: string): Promise<Board> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new InputError({
      code: "BOARD_UNREADABLE",
      source: path,
      message: (cause as Error).message,
      expected: "a readable board file",
    });
  }
  return parseBoard(text, path);
}
