import type { Board } from "synapse-sim/boards";
import { inputError } from "../files/inputError.js";
import type { FirmwareBuild } from "./build.js";
import type { BuildDemands } from "./checkBuild.js";
import { boardEntries, tableDifferences } from "./partitionTable.js";

const isAlike = (build: FirmwareBuild, board: Board): boolean =>
  tableDifferences(build.table.entries, boardEntries(board)).length === 0;

/**
 * The board that builds are for: the one that they name, or the only one that is known with their partitions. `source`
 * names the builds in errors: an InputError `BOARD_UNCLEAR`.
 */
export function chooseBoard(builds: readonly FirmwareBuild[], known: readonly Board[], source: string): Board {
  const meant = boardsOf(builds, known);
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return only;
  const ids = (meant.length > 1 ? meant : known).map(({ id }) => id).join(", ");
  const several = builds.length > 1 ? "it has builds for several boards" : "its partitions are those of several boards";
  const none = builds.length === 0 ? "a model alone does not say" : "it does not say";
  const message = meant.length > 1 ? several : `${none} which board it is for`;
  throw inputError(source, "BOARD_UNCLEAR", message, { expected: `--board with one of ${ids}, or a file` });
}

/** All boards that some of the builds may be for. */
export function boardsOf(builds: readonly FirmwareBuild[], known: readonly Board[]): readonly Board[] {
  const meant = builds.map((build) => {
    const alike = known.filter((board) => isAlike(build, board));
    const named = alike.filter(({ id }) => id === build.boardId);
    return alike.length === 1 || named.length === 0 ? alike : named;
  });
  return known.filter((board) => meant.some((boards) => boards.includes(board)));
}

/**
 * Of a release the builds for one board: those that name it, else those that name none and have its partitions. A
 * single build is what was asked for, whatever it names. `source` names the release in errors: an InputError
 * `BUILD_OTHER_BOARD`.
 */
export function buildsForBoard(
  builds: readonly FirmwareBuild[],
  board: Board,
  { ownTable }: BuildDemands,
  source: string,
): readonly FirmwareBuild[] {
  if (builds.length <= 1) return builds;
  const named = builds.filter(({ boardId }) => boardId === board.id);
  if (named.length > 0) return named;
  const alike = builds.filter((build) => build.boardId === undefined && (ownTable || isAlike(build, board)));
  if (alike.length > 0) return alike;
  const others = [...new Set(builds.flatMap(({ boardId }) => boardId ?? []))].join(", ");
  const message = `none of its ${builds.length} builds is for ${board.id}`;
  throw inputError(source, "BUILD_OTHER_BOARD", message, {
    expected: others === "" ? "a build with that board's partitions" : `--board with one of ${others}`,
  });
}
