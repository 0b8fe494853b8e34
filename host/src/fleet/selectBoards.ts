import { globMatches } from "../compress/policy.js";
import { inputError } from "../files/inputError.js";
import type { FleetBoard } from "./inventory.js";

/** Which boards a command is for. All that is given must hold; nothing given means every board. */
export interface Selection {
  /** Identities, as on the board or as in topics. */
  readonly ids?: readonly string[] | undefined;
  /** A pattern with `*` and `?`. */
  readonly name?: string | undefined;
  readonly group?: string | undefined;
  /** Id of the kind of board. */
  readonly board?: string | undefined;
}

/** An identity as it stands in topics. */
export const idOf = (given: string): string => given.replaceAll(/[^A-Za-z0-9]/g, "").toLowerCase();

/** Throws an InputError `BOARD_UNKNOWN` for an identity that no board of the broker has. */
export function selectBoards(boards: readonly FleetBoard[], selection: Selection): FleetBoard[] {
  const ids = selection.ids?.map((given) => {
    const id = idOf(given);
    if (!boards.some((board) => board.id === id))
      throw inputError(given, "BOARD_UNKNOWN", "no board of this broker has that id", {
        expected: "an id that `synapse-host fleet list` shows",
      });
    return id;
  });
  return boards.filter(
    (board) =>
      (ids === undefined || ids.includes(board.id)) &&
      (selection.name === undefined || globMatches(selection.name, board.name ?? "")) &&
      (selection.group === undefined || board.groups?.includes(selection.group) === true) &&
      (selection.board === undefined || board.board === selection.board),
  );
}
