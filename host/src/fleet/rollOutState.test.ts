import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requireSameRollOut } from "./rollOut.js";
import { isAtEnd, type RollOutState, readRollOutState, replaceCanaries, writeRollOutState } from "./rollOutState.js";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "synapse-state-"));
  path = join(folder, "state.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const DIGEST = "ab".repeat(32);

function stateOf(waves: string[][], boards: RollOutState["boards"] = {}): RollOutState {
  const waiting = Object.fromEntries(waves.flat().map((id) => [id, { standing: "waiting" as const }]));
  const place = { broker: "mqtt://hub:1883", file: "lewm.syn", sha256: DIGEST, title: "lewm", chosen: "" };
  return { version: 1, kind: "model", ...place, waves, watched: [], boards: { ...waiting, ...boards } };
}

test("what was written is read again; a name that is free is none", async () => {
  const state = stateOf([["a"], ["b", "c"]], { a: { standing: "failed", code: "LOST", detail: "gone" } });
  expect(await readRollOutState(path)).toBeUndefined();
  await writeRollOutState(path, state);
  expect(await readRollOutState(path)).toEqual(state);
});

describe("a file that is no state is refused in one line", () => {
  const good = stateOf([["a"], ["b"]]);
  const cases: readonly [name: string, text: string, code: string][] = [
    ["half written", JSON.stringify(good).slice(0, 100), "STATE_INVALID"],
    ["empty", "", "STATE_INVALID"],
    ["of another program", '{"name":"synapse","version":"1.0.0"}', "STATE_INVALID"],
    ["of a newer version", JSON.stringify({ ...good, version: 2 }), "STATE_VERSION"],
    ["with a board twice", JSON.stringify({ ...good, waves: [["a"], ["a", "b"]] }), "STATE_INVALID"],
    ["with a board in no wave", JSON.stringify({ ...good, waves: [["a"]] }), "STATE_INVALID"],
    ["with a topic for an id", JSON.stringify(stateOf([["a/#"]])), "STATE_INVALID"],
  ];
  test.each(cases)("%s", async (_name, text, code) => {
    writeFileSync(path, text);
    await expect(readRollOutState(path)).rejects.toMatchObject({ name: "InputError", code, source: path });
  });

  test("a folder, a device", async () => {
    await expect(readRollOutState(folder)).rejects.toMatchObject({ code: "FILE_KIND" });
    await expect(readRollOutState("/dev/zero")).rejects.toMatchObject({ code: "FILE_KIND" });
  });
});

test("another file, broker or choice of boards does not go on with a roll-out", () => {
  const state = { ...stateOf([["a"]]), chosen: "--group hall" };
  const file = {
    kind: "model",
    name: "lewm.syn",
    bytes: new Uint8Array(),
    sha256: DIGEST,
    identity: "",
    title: "lewm",
  } as const;
  const goesOn = (sha256: string, broker: string, chosen: string) => () =>
    requireSameRollOut(state, { ...file, sha256 }, broker, chosen, path);
  goesOn(DIGEST, "mqtt://hub:1883", "--group hall")();
  expect(goesOn("cd".repeat(32), "mqtt://hub:1883", "--group hall")).toThrow("of lewm.syn");
  expect(goesOn(DIGEST, "mqtt://other:1883", "--group hall")).toThrow("on mqtt://hub:1883");
  expect(goesOn(DIGEST, "mqtt://hub:1883", "")).toThrow("for --group hall");
});

test("it is at its end when all boards run the file and all waves have been watched", () => {
  const updated = { a: { standing: "updated" as const }, b: { standing: "updated" as const } };
  const state = stateOf([["a"], ["b"]], updated);
  expect(isAtEnd(state)).toBe(false);
  expect(isAtEnd({ ...state, watched: [0, 1] })).toBe(true);
  expect(isAtEnd({ ...state, watched: [0, 1], boards: { ...updated, b: { standing: "failed" } } })).toBe(false);
});

test("boards that are there take the places of canaries that are away", () => {
  const state = stateOf([["a"], ["b"], ["c", "d"]], { a: { standing: "unreached" } });
  replaceCanaries(state, (id) => id === "b" || id === "d");
  expect(state.waves).toEqual([["d"], ["b"], ["c", "a"]]);
  const failed = stateOf([["a"], ["b"]], { a: { standing: "failed" } });
  replaceCanaries(failed, (id) => id === "b");
  expect(failed.waves).toEqual([["a"], ["b"]]);
});
