import type { EntryInfo, ModelInfo, PortInfo, Session } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import { bytesOf, floatsOf } from "./seededInputs.js";

/** The entries and ports of a world model: an action-conditioned predictor, and an encoder where the pack has one. */
export interface WorldModel {
  readonly encode: EntryInfo | undefined;
  readonly predict: EntryInfo;
  readonly latentInput: number;
  readonly actionInput: number;
  readonly latentSize: number;
  readonly actionSize: number;
  /** Frames that the predictor sees at most. */
  readonly historyMax: number;
}

/**
 * Finds the world model in a pack by its port kinds. Throws InputError `NOT_A_WORLD_MODEL` when `predict` is missing or
 * of another shape.
 */
export function worldModelOf(info: ModelInfo, source: string): WorldModel {
  const fail = (message: string) =>
    new InputError({
      code: "NOT_A_WORLD_MODEL",
      source,
      where: "entry predict",
      message,
      expected: "an entry `predict` that takes rows of latents and rows of actions and gives rows of latents",
    });
  const predict = info.entries.find(({ name }) => name === "predict");
  if (!predict) throw fail(`the model has no such entry (it has ${info.entries.map(({ name }) => name).join(", ")})`);
  const latentInput = predict.inputs.findIndex(({ kind }) => kind === "latent");
  const actionInput = predict.inputs.findIndex(({ kind }) => kind === "action");
  const latent = predict.inputs[latentInput];
  const action = predict.inputs[actionInput];
  const output = predict.outputs[0];
  if (!latent || !action || !output || predict.inputs.length !== 2)
    throw fail("its inputs are not one latent and one action");
  const latentSize = columnsOf(latent);
  if (columnsOf(output) !== latentSize || output.type !== "f32")
    throw fail("its output is not a latent of the input's size");
  const encode = info.entries.find(({ name }) => name === "encode");
  return {
    encode,
    predict,
    latentInput,
    actionInput,
    latentSize,
    actionSize: columnsOf(action),
    historyMax: predict.rowsMax,
  };
}

function columnsOf(port: PortInfo): number {
  return port.shape.slice(1).reduce((product, size) => product * size, 1);
}

export interface RolloutOptions {
  /** Frames given to the predictor, at most the model's own maximum, which is the default. */
  readonly historyMax?: number;
  readonly signal?: AbortSignal;
  /** Called after every step with the number of steps done. */
  readonly onStep?: (done: number) => void;
}

/**
 * Predicts a trajectory: `start` is the latent of the first frame, `actions[t]` the action taken at frame t. Answers
 * `actions.length + 1` latents, the start first. The predictor sees the last `historyMax` latents with the action taken
 * at each; its last row is the next latent, which joins the history (LeWM, arXiv 2603.19312).
 */
export async function rollout(
  session: Session,
  world: WorldModel,
  start: Float32Array,
  actions: readonly Float32Array[],
  options: RolloutOptions = {},
): Promise<Float32Array[]> {
  const historyMax = Math.min(options.historyMax ?? world.historyMax, world.historyMax);
  const latents = [start];
  for (let step = 0; step < actions.length; step++) {
    options.signal?.throwIfAborted();
    const first = Math.max(0, latents.length - historyMax);
    latents.push(await predictNext(session, world, latents.slice(first), actions.slice(first, step + 1)));
    options.onStep?.(step + 1);
  }
  return latents;
}

/**
 * One predicted step: the latent that follows the last of `history`. `history` and `actions` are 1 to `historyMax`
 * frames each.
 */
export async function predictNext(
  session: Session,
  world: WorldModel,
  history: readonly Float32Array[],
  actions: readonly Float32Array[],
): Promise<Float32Array> {
  const inputs: Uint8Array[] = [];
  inputs[world.latentInput] = joinRows(history);
  inputs[world.actionInput] = joinRows(actions);
  const [output] = await session.run(world.predict.name, inputs, history.length);
  return floatsOf(output as Uint8Array).slice(-world.latentSize);
}

function joinRows(rows: readonly Float32Array[]): Uint8Array {
  const joined = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let at = 0;
  for (const row of rows) {
    joined.set(row, at);
    at += row.length;
  }
  return bytesOf(joined);
}
