import type { OpName } from "./ops.js";
import { roundUp } from "./roundUp.js";
import { format } from "./table.js";

type Ops = typeof format.ops;
type PieceOf<Name extends OpName> = Ops[Name]["scratch"][number];

/** The numbers that an op's scratch depends on, and the conditions under which its pieces are there. */
export type ScratchSizes<Name extends OpName> = {
  readonly [Factor in PieceOf<Name>["factors"][number]["of"]]: number;
} & {
  readonly [Condition in PieceOf<Name>["when"]]: boolean;
};

interface Piece {
  readonly when: string;
  readonly element_bytes: number;
  readonly factors: readonly { readonly of: string; readonly multiple: number; readonly divisor: number }[];
}

/** Bytes of an op's scratch, as the runtime computes them from the same pieces (kernels/src/scratch.zig). */
export function scratchBytes<Name extends OpName>(op: Name, sizes: ScratchSizes<Name>): number {
  const given = sizes as Readonly<Record<string, number | boolean>>;
  const pieces: readonly Piece[] = format.ops[op].scratch;
  const elements = ({ factors }: Piece) =>
    factors.reduce(
      (product, { of, multiple, divisor }) => product * Math.floor(roundUp(given[of] as number, multiple) / divisor),
      1,
    );
  return pieces
    .filter(({ when }) => given[when])
    .reduce((sum, piece) => sum + roundUp(piece.element_bytes * elements(piece), format.scratch_alignment), 0);
}
