import { healthOf } from "./health.js";
import type { FleetBoard } from "./inventory.js";

/** A board as `--json` shows it. */
export function boardDocument(board: FleetBoard) {
  const { seenMs, ...rest } = board;
  return {
    ...rest,
    health: healthOf(board),
    last_seen: seenMs === undefined ? null : new Date(seenMs).toISOString(),
  };
}

export const fleetDocument = (boards: readonly FleetBoard[]) => boards.map(boardDocument);
