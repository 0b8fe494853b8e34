import { readFileSync } from "node:fs";
import { openNativeEngine } from "synapse-engine";
import { BrokerLink, type EmbeddedBroker, SimulatedBoard, startBroker } from "synapse-sim";
import { readBoard } from "synapse-sim/boards";
import { SkippingClock } from "synapse-sim/testing/skippingClock";
import { compile } from "../compile/compile.js";
import { addGolden } from "../pack/golden.js";
import { LEWM_SMALL } from "../parity/lewmShapes.js";
import { seededCheckpoint } from "../parity/seededCheckpoint.js";

const ROOT = new URL("../../../", import.meta.url);

/** The model that boards are made with. */
export const FIRST_MODEL: Uint8Array = readFileSync(new URL("sim/fixtures/lewm-test.syn", ROOT));

/** Another model of the same kind, to update to. */
export async function secondModel(): Promise<Uint8Array> {
  const config = JSON.parse(readFileSync(new URL("configs/lewm-test.json", ROOT), "utf8"));
  const checkpoint = seededCheckpoint(LEWM_SMALL, 2);
  const meta = { untrained: true };
  const { bytes } = await compile({ checkpoint, config, types: "i8", fastBytes: 256 * 1024, meta });
  const engine = await openNativeEngine();
  try {
    return await addGolden(bytes, engine);
  } finally {
    await engine.close();
  }
}

export interface FleetBoards {
  readonly broker: EmbeddedBroker;
  readonly boards: readonly SimulatedBoard[];
  /** As in topics, in the order of the boards. */
  readonly ids: readonly string[];
  /** Of all of them: that of the machine, which can be put forward. */
  readonly clock: SkippingClock;
  close(): Promise<void>;
}

export interface FleetBoardOptions {
  readonly updateKeys?: readonly Uint8Array[];
  /** Another broker than the one of their own, for the board of an id. */
  readonly brokerUrl?: (id: string) => string;
}

/**
 * Boards with an owner on a broker of their own. A board that loses its power has it back a moment later, as one that
 * somebody plugs in again.
 */
export async function startFleetBoards(count: number, options: FleetBoardOptions = {}): Promise<FleetBoards> {
  const { updateKeys, brokerUrl } = options;
  const board = await readBoard(new URL("boards/waveshare-esp32-p4-wifi6.json", ROOT).pathname);
  const broker = await startBroker({ port: 0 });
  const boards: SimulatedBoard[] = [];
  const links: BrokerLink[] = [];
  const clock = new SkippingClock();
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    const id = `02000000${(index + 1).toString(16).padStart(4, "0")}`;
    ids.push(id);
    const deviceId = (id.match(/../g) as string[]).join(":");
    const keys = updateKeys === undefined ? {} : { updateKeys };
    const each = await SimulatedBoard.create({ board, model: FIRST_MODEL, deviceId, clock, ...keys });
    boards.push(each);
    links.push(new BrokerLink(each, { fallbackUrl: brokerUrl?.(id) ?? broker.url, reconnectMs: 50 }));
  }
  const plugged = setInterval(() => {
    for (const each of boards) if (!each.running && each.flashOperations > 0) void each.reset();
  }, 200);
  // Hundreds of boards that connect at once keep the thread busy for a while.
  while (!links.every((link) => link.connected)) await new Promise((resolve) => setTimeout(resolve, 50));
  return {
    broker,
    boards,
    ids,
    clock,
    close: async () => {
      clearInterval(plugged);
      await Promise.all(links.map((link) => link.close()));
      await Promise.all(boards.map((each) => each.close()));
      await broker.close();
    },
  };
}
