import { type RunningBoard, type StartBoardRequest, startBoard } from "./startBoard.js";

/** More boards on one machine would fill the network with what they say about themselves. */
const ANNOUNCED_MAX = 24;

/** A locally administered MAC address, the first of which is the one that a single board has. */
export function deviceIdOf(index: number): string {
  const bytes = [(index + 1) >> 16, (index + 1) >> 8, index + 1].map((byte) =>
    (byte & 0xff).toString(16).padStart(2, "0"),
  );
  return `02:00:00:${bytes.join(":")}`;
}

/**
 * `count` boards in this process, each with its own identity, flash, owner and port (no more than `ANNOUNCED_MAX` are
 * announced): `request.port` and those after it, or any free ones when it is 0. When one cannot start, those before it
 * are closed and the error is thrown.
 */
export async function startBoards(request: StartBoardRequest, count: number): Promise<RunningBoard[]> {
  const boards: RunningBoard[] = [];
  try {
    for (let index = 0; index < count; index++) {
      const port = request.port === 0 ? 0 : request.port + index;
      const deviceName = count === 1 ? {} : { deviceName: `simulated board ${index + 1}` };
      const mdns = request.mdns !== false && index < ANNOUNCED_MAX;
      boards.push(await startBoard({ ...request, port, deviceId: deviceIdOf(index), ...deviceName, mdns }));
    }
    return boards;
  } catch (error) {
    await Promise.all(boards.map((board) => board.close()));
    throw error;
  }
}
