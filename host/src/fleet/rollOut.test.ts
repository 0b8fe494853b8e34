import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { POWER_CUTS } from "synapse-sim";
import { makeAppImage } from "synapse-sim/app-image";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type FleetBoardOptions, type FleetBoards, secondModel, startFleetBoards } from "../testing/fleetBoards.js";
import { seededRandom } from "../testing/seededRandom.js";
import { connectFleet, type FleetConnection } from "./connectFleet.js";
import { Inventory } from "./inventory.js";
import { newRollOut, type RollOutChange, type RollOutEnd, type RollOutOptions, rollOut } from "./rollOut.js";
import { countStandings, type RollOutState, readRollOutState } from "./rollOutState.js";
import { type ServedFile, serveFile } from "./serveFile.js";
import { readFirmwareFile, readModelFile, type UpdateFile } from "./updateFile.js";

const OPTIONS: RollOutOptions = {
  parallel: 16,
  failuresPercentMax: 5,
  soakMs: 0,
  boardTimeoutMs: 120_000,
  brokerTimeoutMs: 60_000,
  offlineMs: 0,
  force: false,
  pollMs: 50,
};

let folder: string;
let model: UpdateFile;
let fleet: FleetBoards;
let connection: FleetConnection;
let inventory: Inventory;
let served: ServedFile | undefined;

beforeAll(async () => {
  const bytes = await secondModel();
  const path = join(mkdtempSync(join(tmpdir(), "synapse-fleet-model-")), "second.syn");
  writeFileSync(path, bytes);
  model = await readModelFile(path);
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "synapse-fleet-"));
});

afterEach(async () => {
  await served?.close();
  served = undefined;
  await connection?.close();
  await fleet?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function start(count: number, options: FleetBoardOptions = {}): Promise<void> {
  fleet = await startFleetBoards(count, options);
  connection = await connectFleet({ url: fleet.broker.url });
  inventory = new Inventory(connection.client);
  await inventory.open();
}

const plan = { canaries: 1, percentages: [20, 100] };
const stateFile = (): string => join(folder, "state.json");

async function push(
  file: UpdateFile,
  state: RollOutState,
  given: { options?: Partial<RollOutOptions>; signal?: AbortSignal; changed?: (change: RollOutChange) => void } = {},
): Promise<RollOutEnd> {
  served ??= await serveFile(file.bytes, file.name, { port: 0, brokerHost: "127.0.0.1", boardsAreLocal: true });
  return rollOut({
    client: connection.client,
    broker: connection.broker,
    inventory,
    file,
    url: served.url,
    urlEnds: true,
    state,
    stateFile: stateFile(),
    options: { ...OPTIONS, ...given.options },
    signal: given.signal ?? new AbortController().signal,
    changed: given.changed ?? (() => undefined),
  });
}

/** What a board says at a route. */
async function told(index: number, target: string): Promise<Record<string, unknown>> {
  const board = fleet.boards[index];
  if (board === undefined) throw new Error(`there is no board ${index}`);
  const { body } = await board.handle({ method: "GET", target });
  return JSON.parse(new TextDecoder().decode(body));
}

/** Digests of the models that a board runs, by its own word: one. */
async function runningOn(index: number): Promise<string[]> {
  const { slots } = (await told(index, "/v1/models")) as { slots: { active: boolean; sha256?: string }[] };
  return slots.filter(({ active }) => active).map(({ sha256 }) => sha256 ?? "");
}

const SEED = 14;

test(`50 boards, one in ten cut at a random moment, all end with the new model (seed ${SEED})`, async () => {
  await start(50);
  const random = seededRandom(SEED);
  const below = (end: number): number => Math.floor(((random() + 1) / 2) * end);
  const cut = new Set<number>();
  while (cut.size < 5) cut.add(below(50));
  for (const index of cut)
    fleet.boards[index]?.cutPower(1 + below(40), POWER_CUTS[below(POWER_CUTS.length)] as (typeof POWER_CUTS)[number]);
  const state = newRollOut(model, connection.url, fleet.ids, plan);
  expect(await push(model, state)).toEqual({ finished: true });
  expect(countStandings(state)).toMatchObject({ updated: 50, failed: 0 });
  for (let index = 0; index < 50; index++) expect(await runningOn(index)).toEqual([model.identity]);
  const resets = async (index: number) => ((await told(index, "/v1/device")).reset as { count: number }).count;
  for (const index of cut) expect(await resets(index)).toBeGreaterThan(0);
  expect(await readRollOutState(stateFile())).toEqual(state);
});

describe("what goes wrong", () => {
  test("a canary that refuses stops everything, and no other board is touched", async () => {
    const point = new Uint8Array(65);
    point.set(Buffer.from(P256_GENERATOR, "hex"));
    await start(6, { updateKeys: [point] });
    const state = newRollOut(model, connection.url, fleet.ids, plan);
    expect(await push(model, state)).toEqual({ finished: false, stopped: "1 of 1 canaries failed" });
    expect(state.boards[fleet.ids[0] as string]).toMatchObject({ standing: "failed", code: "SIGNATURE_MISSING" });
    expect(countStandings(state)).toMatchObject({ failed: 1, waiting: 5, updated: 0 });
  });

  test("a board that is away is told so, and a later run reaches it", async () => {
    await start(3);
    fleet.boards[2]?.setLink(false);
    await inventory.until(fleet.ids[2] as string, ({ online }) => !online, AbortSignal.timeout(30_000));
    const state = newRollOut(model, connection.url, fleet.ids, plan);
    expect(await push(model, state)).toEqual({ finished: true });
    expect(countStandings(state)).toMatchObject({ updated: 2, unreached: 1 });
    fleet.boards[2]?.setLink(true);
    await inventory.until(fleet.ids[2] as string, ({ online }) => online, AbortSignal.timeout(30_000));
    expect(await push(model, (await readRollOutState(stateFile())) as RollOutState)).toEqual({ finished: true });
    expect(await runningOn(2)).toEqual([model.identity]);
  });

  test("an interrupted roll-out goes on where it was", async () => {
    await start(8);
    const state = newRollOut(model, connection.url, fleet.ids, plan);
    const stop = new AbortController();
    const changed = (change: RollOutChange): void => {
      if (change.kind === "board" && change.board.standing === "updated" && countStandings(state).updated === 3)
        stop.abort(new Error("Ctrl-C"));
    };
    await expect(push(model, state, { signal: stop.signal, changed, options: { parallel: 1 } })).rejects.toThrow(
      "Ctrl-C",
    );
    const kept = (await readRollOutState(stateFile())) as RollOutState;
    expect(countStandings(kept).updated).toBe(3);
    const begun: string[] = [];
    const again = (change: RollOutChange): void => {
      if (change.kind === "board" && change.board.standing === "updating") begun.push(change.id);
    };
    expect(await push(model, kept, { changed: again })).toEqual({ finished: true });
    expect(begun.sort()).toEqual(fleet.ids.slice(3));
    for (let index = 0; index < 8; index++) expect(await runningOn(index)).toEqual([model.identity]);
  });

  test("a wave that does not stay up ends it", async () => {
    await start(4);
    const state = newRollOut(model, connection.url, fleet.ids, plan);
    const changed = (change: RollOutChange): void => {
      if (change.kind === "soak") fleet.boards[0]?.setLink(false);
    };
    const end = await push(model, state, { changed, options: { soakMs: 3_000 } });
    expect(end).toEqual({ finished: false, stopped: "1 of 1 canaries failed" });
    expect(state.boards[fleet.ids[0] as string]).toMatchObject({ standing: "failed", code: "UNHEALTHY" });
  });
});

test("a firmware counts when it has stayed up", async () => {
  await start(3);
  const path = join(folder, "synapse.bin");
  writeFileSync(path, makeAppImage({ version: "9.1.0" }));
  const file = await readFirmwareFile(path);
  const state = newRollOut(file, connection.url, fleet.ids, { canaries: 0, percentages: [100] });
  // On trial they are for a minute, which begins when they have restarted; after it, no time is to pass: whatever they
  // wait for would be over.
  const firmwareOf = async (index: number) =>
    (await told(index, "/v1/device").catch(() => undefined))?.firmware as
      | { version: string; state: string }
      | undefined;
  let waited = false;
  let ended = false;
  const passTime = async () => {
    while (!ended) {
      const firmwares = await Promise.all(fleet.ids.map((_, index) => firmwareOf(index)));
      const allRun = firmwares.every((firmware) => firmware?.version === "9.1.0");
      if (allRun && firmwares.some((firmware) => firmware?.state === "ON_TRIAL")) {
        waited ||= countStandings(state).updated === 0;
        fleet.clock.skip(20);
      }
      await delay(300);
    }
  };
  const passed = passTime();
  try {
    expect(await push(file, state), JSON.stringify(state.boards)).toEqual({ finished: true });
  } finally {
    ended = true;
    await passed;
  }
  expect(countStandings(state)).toMatchObject({ updated: 3 });
  expect(waited).toBe(true);
  // And is not begun anew while it is on trial.
  for (const index of fleet.boards.keys())
    expect(await told(index, "/v1/device")).toMatchObject({
      firmware: { version: "9.1.0", state: "VALID" },
      reset: { reason: "software", count: 1 },
    });
});

test("what is no image is not pushed", async () => {
  const path = join(folder, "not.bin");
  writeFileSync(path, "<html>");
  await expect(readFirmwareFile(path)).rejects.toMatchObject({ code: "NOT_AN_IMAGE" });
  await expect(readModelFile(path)).rejects.toMatchObject({ name: "InputError" });
});

/** A point on P-256 whose key nobody in these tests has. */
const P256_GENERATOR = [
  "04",
  "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
  "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
].join("");
