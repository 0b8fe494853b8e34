import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SynapseMqttClient } from "synapse-client";
import { startBroker } from "synapse-sim";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type FleetBoards, secondModel, startFleetBoards } from "../testing/fleetBoards.js";
import { connectFleet, type FleetConnection } from "./connectFleet.js";
import { Inventory } from "./inventory.js";
import { newRollOut, type RollOutChange, type RollOutEnd, type RollOutOptions, rollOut } from "./rollOut.js";
import { countStandings, type RollOutState, readRollOutState } from "./rollOutState.js";
import { type ServedFile, serveFile } from "./serveFile.js";
import { readModelFile, type UpdateFile } from "./updateFile.js";

// What goes wrong around a roll-out: the broker, the disk of its state, addresses of an earlier run, boards that do
// not come back.

const OPTIONS: RollOutOptions = {
  parallel: 2,
  failuresPercentMax: 5,
  soakMs: 0,
  boardTimeoutMs: 120_000,
  brokerTimeoutMs: 120_000,
  offlineMs: 0,
  force: false,
  pollMs: 50,
};
let folder: string;
let model: UpdateFile;
let fleet: FleetBoards;
let connection: FleetConnection;
let inventory: Inventory;
let served: ServedFile;
let state: RollOutState;
/** Where an earlier command served the file. */
let nowhere: string;

beforeAll(async () => {
  const path = join(mkdtempSync(join(tmpdir(), "synapse-fleet-model-")), "second.syn");
  writeFileSync(path, await secondModel());
  model = await readModelFile(path);
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "synapse-fleet-"));
  fleet = await startFleetBoards(4);
  connection = await connectFleet({ url: fleet.broker.url });
  inventory = new Inventory(connection.client);
  await inventory.open();
  const place = { port: 0, brokerHost: "127.0.0.1", boardsAreLocal: true };
  const gone = await serveFile(model.bytes, model.name, place);
  nowhere = gone.url;
  served = await serveFile(model.bytes, model.name, place);
  await gone.close();
  state = newRollOut(model, connection.url, fleet.ids, { canaries: 1, percentages: [100] });
});
afterEach(async () => {
  await served.close();
  await connection.close();
  await fleet.close();
  rmSync(folder, { recursive: true, force: true });
});

const stateFile = (): string => join(folder, "state.json");
const kept = async (): Promise<RollOutState> => (await readRollOutState(stateFile())) as RollOutState;

interface Given {
  readonly options?: Partial<RollOutOptions>;
  readonly url?: string;
  readonly urlEnds?: boolean;
  readonly signal?: AbortSignal;
  readonly changed?: (change: RollOutChange) => void;
}

function push(its: RollOutState, given: Given = {}): Promise<RollOutEnd> {
  return rollOut({
    client: connection.client,
    broker: connection.broker,
    inventory,
    file: model,
    url: given.url ?? served.url,
    urlEnds: given.urlEnds ?? true,
    state: its,
    stateFile: stateFile(),
    options: { ...OPTIONS, ...given.options },
    signal: given.signal ?? new AbortController().signal,
    changed: given.changed ?? (() => undefined),
  });
}

/** Calls when the first board has been updated. */
const atFirst = (action: () => void) => {
  let begun = false;
  return (change: RollOutChange): void => {
    if (begun || change.kind !== "board" || change.board.standing !== "updated") return;
    begun = true;
    action();
  };
};

function updateOf(index: number): Promise<{ state: string; code?: string }> {
  return new SynapseMqttClient({ connection: connection.client, device: fleet.ids[index] as string }).update();
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("a broker that goes away is waited for, and told of; then the roll-out goes on", async () => {
  const { port } = new URL(fleet.broker.url);
  const told: boolean[] = [];
  const leave = atFirst(() => void fleet.broker.close());
  let again: Awaited<ReturnType<typeof startBroker>> | undefined;
  const changed = (change: RollOutChange): void => {
    leave(change);
    if (change.kind !== "broker") return;
    told.push(change.connected);
    if (!change.connected) void startBroker({ port: Number(port) }).then((broker) => (again = broker));
  };
  try {
    expect(await push(state, { changed })).toEqual({ finished: true });
    expect(told).toEqual([false, true]);
    expect(countStandings(state)).toMatchObject({ updated: 4, failed: 0, unreached: 0 });
  } finally {
    await again?.close();
  }
});

test("a broker that does not come back ends it, no board is blamed, and the state goes on elsewhere", async () => {
  const changed = atFirst(() => void fleet.broker.close());
  await expect(
    push(state, { changed, options: { brokerTimeoutMs: 100, boardTimeoutMs: 50_000 } }),
  ).rejects.toMatchObject({
    code: "BROKER_LOST",
  });
  expect(countStandings(await kept())).toMatchObject({ updated: 1, failed: 0, unreached: 0 });
});

test("without a place for its state it touches no board, and without one any more it begins no further", async () => {
  rmSync(folder, { recursive: true });
  await expect(push(state)).rejects.toMatchObject({ code: "WRITE_FAILED" });
  for (const index of fleet.ids.keys()) expect(await updateOf(index)).toMatchObject({ state: "IDLE" });
  folder = mkdtempSync(join(tmpdir(), "synapse-fleet-"));
  const changed = atFirst(() => rmSync(folder, { recursive: true }));
  await expect(push(state, { changed })).rejects.toMatchObject({ code: "WRITE_FAILED" });
  expect(countStandings(state).updated).toBeLessThan(4);
});

test("what an earlier run announced, from an address that is gone, is announced again", async () => {
  const stop = new AbortController();
  // As after a power failure: nothing takes the update back.
  const before = push(state, { url: nowhere, urlEnds: false, signal: stop.signal });
  await until(async () => (await updateOf(0)).code === "CONNECTION_REFUSED");
  stop.abort(new Error("power"));
  await expect(before).rejects.toThrow("power");
  expect((await kept()).boards[fleet.ids[0] as string]).toEqual({ standing: "updating" });
  expect(await push(await kept())).toEqual({ finished: true });
  expect(countStandings(await kept())).toMatchObject({ updated: 4 });
});

test("Ctrl-C takes back what boards have not fetched yet: its address ends with the command", async () => {
  const stop = new AbortController();
  const before = push(state, { url: nowhere, signal: stop.signal });
  await until(async () => (await updateOf(0)).code === "CONNECTION_REFUSED");
  stop.abort(new Error("Ctrl-C"));
  await expect(before).rejects.toThrow("Ctrl-C");
  await until(async () => (await updateOf(0)).state !== "QUEUED");
});

test("a board that cannot fetch the file says why, and is not left behind with it", async () => {
  const late = new AbortController();
  vi.spyOn(connection.broker, "timeout").mockReturnValue({ signal: late.signal, end: () => undefined });
  const pushed = push(state, { url: nowhere });
  await until(async () => (await updateOf(0)).code === "CONNECTION_REFUSED");
  await inventory.until(
    fleet.ids[0] as string,
    ({ update }) => update?.code === "CONNECTION_REFUSED",
    AbortSignal.timeout(60_000),
  );
  late.abort(new Error("the time is over"));
  expect(await pushed).toEqual({ finished: false, stopped: "1 of 1 canaries failed" });
  expect(state.boards[fleet.ids[0] as string]).toMatchObject({
    code: "TOO_SLOW",
    detail: expect.stringContaining("CONNECTION_REFUSED"),
  });
  await until(async () => (await updateOf(0)).state !== "QUEUED");
});

test("a board that does not come back from its update has failed; one that was away before has not", async () => {
  const [first = "", second = ""] = fleet.ids;
  for (const index of [0, 1]) fleet.boards[index]?.setLink(false);
  for (const id of [first, second]) await inventory.until(id, ({ online }) => !online, AbortSignal.timeout(60_000));
  state.boards[first] = { standing: "updating" };
  expect(await push(state, { options: { boardTimeoutMs: 500 } })).toMatchObject({ stopped: "1 of 1 canaries failed" });
  expect(state.boards[first]).toMatchObject({ standing: "failed", code: "LOST" });
  const other = newRollOut(model, connection.url, [second, fleet.ids[2] as string], { canaries: 1, percentages: [] });
  expect(await push(other)).toEqual({
    finished: false,
    stopped: "no canary was there: nothing says that the others may follow",
  });
  expect(countStandings(other)).toMatchObject({ unreached: 1, waiting: 1 });
});

test("the last wave is watched too, and so is one whose watch was interrupted", async () => {
  const stop = new AbortController();
  const changed = (change: RollOutChange): void => {
    if (change.kind === "soak" && change.wave === 1) stop.abort(new Error("Ctrl-C"));
  };
  await expect(push(state, { signal: stop.signal, changed, options: { soakMs: 100 } })).rejects.toThrow("Ctrl-C");
  expect(await kept()).toMatchObject({ watched: [0] });
  const watched: number[] = [];
  const again = (change: RollOutChange): void => {
    if (change.kind === "soak") watched.push(change.wave);
  };
  expect(await push(await kept(), { changed: again, options: { soakMs: 100 } })).toEqual({ finished: true });
  expect(watched).toEqual([1]);
});

test("a board that restarts while it is watched has failed, though it is back", async () => {
  const changed = (change: RollOutChange): void => {
    if (change.kind === "soak") void fleet.boards[0]?.reset();
  };
  const end = await push(state, { changed, options: { soakMs: 3_000 } });
  expect(end).toEqual({ finished: false, stopped: "1 of 1 canaries failed" });
  expect(state.boards[fleet.ids[0] as string]).toMatchObject({
    code: "UNHEALTHY",
    detail: expect.stringMatching(/restarted|offline|without an answer/),
  });
});

test("what answers in a way that no board does fails alone", async () => {
  const id = "0a0b0c";
  const answers = await connectFleet({ url: fleet.broker.url });
  try {
    await answers.client.publishAsync(`synapse/${id}/status`, '{"state":"online","model":null}', {
      qos: 1,
      retain: true,
    });
    await answers.client.subscribeAsync(`synapse/${id}/cmd/#`, { qos: 1 });
    answers.client.on("message", (topic) => {
      const command = /\/cmd\/[^/]+\/([^?]+)/.exec(topic)?.[1];
      void answers.client.publishAsync(`synapse/${id}/res/${command}`, "null", { qos: 1 });
    });
    await inventory.until(id, ({ online }) => online, AbortSignal.timeout(60_000));
    const ids = [fleet.ids[0] as string, id, fleet.ids[1] as string];
    const its = newRollOut(model, connection.url, ids, { canaries: 0, percentages: [] });
    expect(await push(its, { options: { failuresPercentMax: 50 } })).toEqual({ finished: true });
    expect(countStandings(its)).toMatchObject({ updated: 2, failed: 1 });
    expect(its.boards[id]).toMatchObject({ code: "ANSWER_INVALID" });
  } finally {
    await answers.close();
  }
});

test("a broker that goes before it has told of its boards is named, and no board is called away", async () => {
  // On a clock that stands still it would listen for ever.
  const listening = new Inventory(connection.client, [], () => 0).open();
  await fleet.broker.close();
  await expect(listening).rejects.toMatchObject({ code: "BROKER_LOST" });
});
