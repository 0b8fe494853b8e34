import type { Model, SessionRequirements } from "synapse-engine";
import { type Board, modelPartitions } from "synapse-sim/boards";
import { type BoardFit, type SlotFit, updatableInPlace } from "../report/slotFit.js";

/** Which of a board's model slots hold a file of `fileBytes`, its signature not counted, in the order of the flash. */
export function slotFits(board: Board, fileBytes: number): SlotFit[] {
  return modelPartitions(board).map(({ name, size }) => ({
    slot: name,
    availableBytes: size,
    fits: fileBytes <= size,
  }));
}

/**
 * Holds what a pack and one session need against the memories of a board: its model slots, of which one must hold the
 * file and both to update it in place, and SRAM and PSRAM as the firmware shares them out. SRAM holds region `fast`,
 * the session and the threads' scratch; PSRAM holds region `slow`, the state and a request's body for every request
 * that the board accepts at once.
 */
export function boardFit(board: Board, fileBytes: number, needs: SessionRequirements): BoardFit {
  const slots = slotFits(board, fileBytes);
  const bodies = board.requests.bodyBytesMax * board.requests.countMax;
  const lines = [
    {
      memory: "flash",
      neededBytes: fileBytes,
      availableBytes: Math.max(0, ...slots.map(({ availableBytes }) => availableBytes)),
    },
    {
      memory: "SRAM",
      neededBytes: needs.fastBytes + needs.sessionBytes + needs.threadBytes,
      availableBytes: board.sram.freeBytes,
    },
    {
      memory: "PSRAM",
      neededBytes: needs.slowBytes + needs.stateBytes + bodies,
      availableBytes: board.psram.bytes - board.psram.reservedBytes,
    },
  ];
  const fits = lines.every(({ neededBytes, availableBytes }) => neededBytes <= availableBytes);
  return { board: board.name, fits, updatableInPlace: fits && updatableInPlace(slots), slots, lines };
}

/** What a session with `threads` threads needs, whatever number of threads the engine itself can use. */
export async function sessionNeeds(model: Model, threads: number): Promise<SessionRequirements> {
  const session = await model.createSession({ threads: 1 });
  try {
    const { requirements } = session;
    return { ...requirements, threadBytes: requirements.threadBytes * threads };
  } finally {
    await session.close();
  }
}
