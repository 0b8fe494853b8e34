import type { EntryInfo, ModelInfo, Session } from "synapse-engine";
import type { ActionSpace } from "../config/configSchema.js";
import { decodeImagePort } from "../run/entryInputs.js";
import type { Picture } from "../run/pictures.js";
import { rollout, type WorldModel, worldModelOf } from "../run/rollout.js";
import { bytesOf, floatsOf, seededInputs } from "../run/seededInputs.js";
import { seededUniforms } from "./seededUniforms.js";

export interface Calibration {
  readonly session: Session;
  readonly info: ModelInfo;
  /** Names of the entries to run, without those that capture. */
  readonly entries: readonly string[];
  readonly pictures: readonly Picture[];
  /** Steps of a rollout from each picture. */
  readonly steps: number;
  readonly seed: number;
  /** Mean and deviation of one environment action, and its bounds. */
  readonly actions: ActionStatistics;
}

export interface ActionStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly bounds: ActionSpace["bounds"];
}

/** Inputs of one entry, in the order of its ports. */
export interface EntryRun {
  readonly entry: string;
  readonly inputs: readonly Uint8Array[];
  readonly rows: number;
}

/** One unit of calibration: the runs of an entry that follow from one picture or one seed. */
export interface CalibrationUnit {
  readonly entry: string;
  readonly runs: () => Promise<readonly EntryRun[]>;
}

/** Runs of an entry that neither takes a picture nor follows one. */
const SEEDED_RUNS = 64;

/**
 * What calibration runs, in a fixed order: each entry that takes a picture on all pictures; `predict` on rollouts from
 * the latents of pictures with seeded actions; every other entry on seeded inputs, which say nothing of its true ones.
 */
export function calibrationUnits(calibration: Calibration, source: string): CalibrationUnit[] {
  const { info } = calibration;
  const world = calibration.entries.includes("predict") ? worldModelOf(info, source) : undefined;
  const own = info.entries.filter(({ name }) => calibration.entries.includes(name));
  return own.flatMap((entry): CalibrationUnit[] =>
    runsOf(calibration, entry, world).map((runs) => ({ entry: entry.name, runs })),
  );
}

function runsOf(calibration: Calibration, entry: EntryInfo, world: WorldModel | undefined): CalibrationUnit["runs"][] {
  const { pictures, seed } = calibration;
  const [port] = entry.inputs;
  if (entry.inputs.length === 1 && port?.kind === "image")
    return pictures.map((picture) => async () => [
      { entry: entry.name, inputs: [await decodeImagePort(port, await picture.read(), picture.name)], rows: 1 },
    ]);
  const { encode } = world ?? {};
  if (world !== undefined && encode?.inputs[0]?.kind === "image" && entry.name === world.predict.name)
    return pictures.map((picture, index) => () => rolloutRuns(calibration, world, picture, seed + index));
  return Array.from({ length: SEEDED_RUNS }, (_, index) => async () => [
    { entry: entry.name, inputs: seededInputs(entry, entry.rowsMax, seed + index), rows: entry.rowsMax },
  ]);
}

/** The runs of `predict` that a rollout from a picture's latent consists of. */
async function rolloutRuns(
  { session, actions, steps }: Calibration,
  world: WorldModel,
  picture: Picture,
  seed: number,
): Promise<EntryRun[]> {
  const encode = world.encode as EntryInfo;
  const port = encode.inputs[0] as EntryInfo["inputs"][number];
  const pixels = await decodeImagePort(port, await picture.read(), picture.name);
  const [start] = await session.run(encode.name, [pixels]);
  const given = seededActions(actions, steps, world.actionSize, seed);
  const latents = await rollout(session, world, floatsOf(start as Uint8Array), given);
  return given.map((_, step) => {
    const first = Math.max(0, step + 1 - world.historyMax);
    const inputs: Uint8Array[] = [];
    inputs[world.latentInput] = joined(latents.slice(first, step + 1));
    inputs[world.actionInput] = joined(given.slice(first, step + 1));
    return { entry: world.predict.name, inputs, rows: step + 1 - first };
  });
}

function joined(rows: readonly Float32Array[]): Uint8Array {
  return bytesOf(Float32Array.from(rows.flatMap((row) => [...row])));
}

/** Rows of normally distributed actions of the environment, within its bounds. */
export function seededActions(actions: ActionStatistics, steps: number, size: number, seed: number): Float32Array[] {
  const uniform = seededUniforms(seed);
  return Array.from({ length: steps }, () =>
    Float32Array.from({ length: size }, (_, i) => {
      const at = i % actions.mean.length;
      const normal = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
      const value = (actions.mean[at] as number) + (actions.std[at] as number) * normal;
      const { min, max } = actions.bounds ?? {};
      return Math.min(Math.max(value, min?.[at] ?? value), max?.[at] ?? value);
    }),
  );
}
