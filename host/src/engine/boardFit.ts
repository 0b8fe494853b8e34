import { type Board, type Model, modelPartitions, type SessionRequirements } from "synapse-sim";
import type { BoardFit } from "../report/inspectPack.js";

/**
 * Holds what a pack and one session need against the memories of a board: its largest model partition, and SRAM and PSRAM as the firmware
 * shares them out. SRAM holds region `fast`, the session and the threads' scratch; PSRAM holds region `slow`, the state and a request's body
 * for every request that the board accepts at once.
 */
export function boardFit(board: Board, fileBytes: number, needs: SessionRequirements): BoardFit {
  const flash = modelPartitions(board)[0]?.size ?? 0;
  const bodies = board.requests.bodyBytesMax * board.requests.countMax;
  const lines = [
    { memory: "flash", neededBytes: fileBytes, availableBytes: flash },
    { memory: "SRAM", neededBytes: needs.fastBytes + needs.sessionBytes + needs.threadBytes, availableBytes: board.sram.freeBytes },
    {
      memory: "PSRAM",
      neededBytes: needs.slowBytes + needs.stateBytes + bodies,
      availableBytes: board.psram.bytes - board.psram.reservedBytes,
    },
  ];
  return { board: board.name, fits: lines.every(({ neededBytes, availableBytes }) => neededBytes <= availableBytes), lines };
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
