import { join } from "node:path";
import { POWER_CUTS, type PowerCut, type SimulatedBoard } from "synapse-sim";
import { connectFleet } from "../fleet/connectFleet.js";
import { Inventory } from "../fleet/inventory.js";
import { newRollOut, rollOut } from "../fleet/rollOut.js";
import { countStandings } from "../fleet/rollOutState.js";
import { serveFile } from "../fleet/serveFile.js";
import { readModelFile } from "../fleet/updateFile.js";
import { secondModel, startFleetBoards } from "./fleetBoards.js";
import { seededRandom } from "./seededRandom.js";

/** Of an update of the small model a board's flash sees some more operations than these. */
const OPERATIONS = 40;

export interface RollOutRun {
  readonly boards: number;
  /** How many lose their power in the middle of a flash operation. */
  readonly cut: number;
  readonly seed: number;
  /** Where the model and the state are written. */
  readonly folder: string;
  readonly writeFile: (path: string, bytes: Uint8Array) => void;
}

export interface RollOutRunReport {
  readonly finished: boolean;
  readonly stopped?: string;
  readonly updated: number;
  readonly failed: number;
  readonly unreached: number;
  /** Boards whose only running model is the new one, by their own word. */
  readonly running: number;
  /** Boards that were reset. */
  readonly restarts: number;
}

/** A roll-out to many simulated boards, by the code that operators use. */
export async function simulateRollOut({ boards, cut, seed, folder, writeFile }: RollOutRun): Promise<RollOutRunReport> {
  const random = seededRandom(seed);
  const below = (end: number): number => Math.floor(((random() + 1) / 2) * end);
  const path = join(folder, "second.syn");
  writeFile(path, await secondModel());
  const file = await readModelFile(path);
  const fleet = await startFleetBoards(boards);
  const connection = await connectFleet({ url: fleet.broker.url });
  const served = await serveFile(file.bytes, file.name, { port: 0, brokerHost: "127.0.0.1", boardsAreLocal: true });
  try {
    const inventory = new Inventory(connection.client);
    await inventory.open();
    const victims = new Set<number>();
    while (victims.size < cut) victims.add(below(boards));
    for (const index of victims)
      fleet.boards[index]?.cutPower(1 + below(OPERATIONS), POWER_CUTS[below(POWER_CUTS.length)] as PowerCut);
    const state = newRollOut(file, connection.url, fleet.ids, { canaries: 5, percentages: [10, 50, 100] });
    const end = await rollOut({
      client: connection.client,
      broker: connection.broker,
      inventory,
      file,
      url: served.url,
      urlEnds: true,
      state,
      stateFile: join(folder, "state.json"),
      options: {
        parallel: 32,
        failuresPercentMax: 5,
        soakMs: 0,
        boardTimeoutMs: 600_000,
        brokerTimeoutMs: 60_000,
        offlineMs: 60_000,
        force: false,
        pollMs: 200,
      },
      signal: new AbortController().signal,
      changed: () => undefined,
    });
    const told = await Promise.all(fleet.boards.map((board) => wordOf(board, file.identity)));
    const { updated, failed, unreached } = countStandings(state);
    return {
      ...end,
      updated,
      failed,
      unreached,
      running: told.filter(({ runs }) => runs).length,
      restarts: told.filter(({ resets }) => resets > 0).length,
    };
  } finally {
    await served.close();
    await connection.close();
    await fleet.close();
  }
}

async function wordOf(board: SimulatedBoard, sha256: string): Promise<{ runs: boolean; resets: number }> {
  const get = async (target: string) =>
    JSON.parse(new TextDecoder().decode((await board.handle({ method: "GET", target })).body));
  const { slots } = (await get("/v1/models")) as { slots: { active: boolean; sha256?: string }[] };
  const active = slots.filter((slot) => slot.active);
  const { reset } = (await get("/v1/device")) as { reset: { count: number } };
  return { runs: active.length === 1 && active[0]?.sha256 === sha256, resets: reset.count };
}
