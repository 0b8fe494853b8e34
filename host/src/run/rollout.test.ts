import type { EntryInfo, ModelInfo, PortInfo, Session } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import { expect, test } from "vitest";
import { rollout, worldModelOf } from "./rollout.js";
import { bytesOf, floatsOf } from "./seededInputs.js";

const port = (kind: PortInfo["kind"], columns: number): PortInfo => ({
  name: kind,
  kind,
  type: "f32",
  shape: [3, columns],
  dynamic: true,
  bytesMax: 12 * columns,
});
const predict: EntryInfo = {
  name: "predict",
  rowsMax: 3,
  opCount: 1,
  inputs: [port("action", 1), port("latent", 2)],
  outputs: [port("latent", 2)],
};
const info = (entries: EntryInfo[]): ModelInfo => ({
  name: "m",
  exact: true,
  fileBytes: 0,
  sha256: "",
  goldenCount: 0,
  entries,
  meta: {},
});

/** A predictor whose next latent is (frames seen, sum of all it was given), which shows what it was given. */
function recordingSession(seen: number[]): Session {
  const run = async (_entry: string, [actions, latents]: readonly Uint8Array[], rows = 1) => {
    seen.push(rows);
    const sum = [...floatsOf(actions as Uint8Array), ...floatsOf(latents as Uint8Array)].reduce(
      (total, value) => total + value,
      0,
    );
    const output = new Float32Array(rows * 2);
    output.set([rows, sum], (rows - 1) * 2);
    return [bytesOf(output)];
  };
  return { run } as unknown as Session;
}

test("a rollout gives the predictor at most its history, newest last, and answers the start and one latent an action", async () => {
  const seen: number[] = [];
  const actions = [1, 10, 100, 1000].map((value) => Float32Array.of(value));
  const latents = await rollout(
    recordingSession(seen),
    worldModelOf(info([predict]), "m.syn"),
    Float32Array.of(0, 0.5),
    actions,
  );
  expect(seen).toEqual([1, 2, 3, 3]);
  expect(latents.map((latent) => Array.from(latent))).toEqual([
    [0, 0.5],
    [1, 1.5],
    [2, 14],
    [3, 0.5 + 1.5 + 14 + 1 + 2 + 111],
    // The first frame has left the history: its latent and its action count no more.
    [3, 1.5 + 14 + 130 + 1 + 2 + 3 + 1110],
  ]);
});

test("a shorter history can be asked for, and an aborted rollout stops", async () => {
  const seen: number[] = [];
  const world = worldModelOf(info([predict]), "m.syn");
  const actions = [1, 2, 3].map((value) => Float32Array.of(value));
  await rollout(recordingSession(seen), world, Float32Array.of(0, 0), actions, { historyMax: 1 });
  expect(seen).toEqual([1, 1, 1]);
  const signal = AbortSignal.abort(new Error("stop"));
  await expect(rollout(recordingSession(seen), world, Float32Array.of(0, 0), actions, { signal })).rejects.toThrow(
    "stop",
  );
});

test.each([
  ["no predict", [{ ...predict, name: "classify" }], /no such entry \(it has classify\)/],
  ["no action", [{ ...predict, inputs: [port("latent", 2)] }], /inputs are not one latent and one action/],
  ["another size out", [{ ...predict, outputs: [port("latent", 5)] }], /output is not a latent of the input's size/],
])("a pack with %s is no world model", (_what, entries, message) => {
  expect(() => worldModelOf(info(entries), "m.syn")).toThrow(InputError);
  expect(() => worldModelOf(info(entries), "m.syn")).toThrow(message);
});
