import type { ComponentChildren } from "preact";
import type { Board } from "../state/board.js";

interface Props {
  readonly board: Board;
  readonly children: ComponentChildren;
}

/** What can be done only while the board answers. */
export function NeedsBoard({ board, children }: Props) {
  return <fieldset disabled={board.link.lost.value}>{children}</fieldset>;
}
