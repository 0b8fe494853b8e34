import { formatBytes } from "./format.js";

/** One of a board's two model slots, and whether a file fits it. */
export interface SlotFit {
  readonly slot: string;
  readonly availableBytes: number;
  readonly fits: boolean;
}

/** What a pack needs of one memory of a board, and what is there. */
export interface FitLine {
  readonly memory: string;
  readonly neededBytes: number;
  readonly availableBytes: number;
}

export interface BoardFit {
  readonly board: string;
  /** Whether the board can run it: one slot holds the file, and the memories hold a session. */
  readonly fits: boolean;
  /** Whether the other slot holds it too, so that its next version of the same size can be uploaded while it runs. */
  readonly updatableInPlace: boolean;
  readonly slots: readonly SlotFit[];
  readonly lines: readonly FitLine[];
}

/** An update goes to the slot that is not running, so both must hold the file. */
export function updatableInPlace(slots: readonly SlotFit[]): boolean {
  return slots.length >= 2 && slots.every(({ fits }) => fits);
}

/**
 * `fits both slots`, `fits only slot model_a (18.3 MiB): not updatable in place, slot model_b (8.63 MiB) is too small`.
 */
export function slotFitText(slots: readonly SlotFit[]): string {
  if (updatableInPlace(slots)) return "fits both slots";
  const held = slots.filter(({ fits }) => fits).map(named);
  const short = slots.filter(({ fits }) => !fits).map(named);
  if (held.length === 0) return `fits no slot: ${short.join(", ")}`;
  return (
    `fits only slot ${held.join(", ")}: not updatable in ` +
    `place${short.length > 0 ? `, slot ${short.join(", ")} is too small` : ""}`
  );
}

const named = ({ slot, availableBytes }: SlotFit): string => `${slot} (${formatBytes(availableBytes)})`;
