import type { RunningBoard, StartBoardRequest } from "./boards/startBoard.js";
import type { RunningTab, StartTabRequest } from "./boards/startTab.js";

// The simulated board brings an image library, a broker and more: who only compiles loads none of it.

/**
 * Puts a model on a simulated board and serves it. Rejects with an InputError when the model does not fit or the port
 * is taken.
 */
export async function startBoard(request: StartBoardRequest): Promise<RunningBoard> {
  return (await import("./boards/startBoard.js")).startBoard(request);
}

/**
 * Serves a board that runs in the browser. Rejects with an InputError when the model does not fit the board or the port
 * is taken.
 */
export async function startTab(request: StartTabRequest): Promise<RunningTab> {
  return (await import("./boards/startTab.js")).startTab(request);
}
