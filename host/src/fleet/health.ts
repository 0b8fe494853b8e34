import type { FleetBoard } from "./inventory.js";

/** What an operator has to know of a board at a glance. */
export type Health = "good" | "offline" | "safe mode" | "no model" | "unclear";

/** By what the board has told last. */
export function healthOf(board: FleetBoard): Health {
  if (!board.online) return "offline";
  if (board.safeMode === true) return "safe mode";
  if (board.model === null) return "no model";
  return board.model === undefined ? "unclear" : "good";
}
