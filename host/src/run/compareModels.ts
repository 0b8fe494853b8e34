import type { EntryInfo, ModelInfo, PortInfo, Session } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import type { ComparisonRow } from "../report/compareReport.js";
import { plural } from "../report/format.js";
import { type SamplePair, summarise } from "../report/similarity.js";
import { OutputPairs, valuesOf } from "./outputPairs.js";
import { predictNext, rollout, type WorldModel, worldModelOf } from "./rollout.js";
import { floatsOf, seededInputs, seededRows } from "./seededInputs.js";

/** One of the two models that are compared: an open session and what it is. */
export interface ComparedModel {
  readonly source: string;
  readonly info: ModelInfo;
  readonly session: Session;
}

export interface ComparisonInputs {
  /** Pictures, decoded for an image port. */
  readonly images: readonly { readonly name: string; readonly decode: (port: PortInfo) => Promise<Uint8Array> }[];
  /** Of how many pictures `images` are a choice; all when absent. */
  readonly imagesFound?: number;
  /** Actions of every rollout, one row a step; seeded random ones of [-1, 1) for each picture when absent. */
  readonly actions?: readonly Float32Array[] | undefined;
  /** Steps at which rollouts are compared, ascending. */
  readonly horizons: readonly number[];
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, label: string) => void;
}

/** Seeded runs of an entry that takes no picture. */
const SEEDED_RUNS = 8;

/**
 * Holds `candidate` against `reference`, two models of the same entries. Every entry that takes a picture runs on all
 * pictures, every other on seeded inputs. Of a world model, `predict` starts from the reference's latents, so that it
 * shows the error of one step alone; a rollout of n steps starts from each model's own encoding and is compared at its
 * last latent, so that it shows what accumulates. Throws InputError `COMPARE_SHAPES` when the two models differ in
 * entries or ports.
 */
export async function compareModels(
  candidate: ComparedModel,
  reference: ComparedModel,
  inputs: ComparisonInputs,
): Promise<ComparisonRow[]> {
  requireSameEntries(candidate, reference);
  const world = candidate.info.entries.some(({ name }) => name === "predict")
    ? worldModelOf(candidate.info, candidate.source)
    : undefined;
  const rows: ComparisonRow[] = [];
  for (const entry of candidate.info.entries) {
    if (entry.name === world?.predict.name) continue;
    rows.push(...(await compareEntry(candidate, reference, entry, inputs)));
  }
  if (world) rows.push(...(await compareRollouts(candidate, reference, world, inputs)));
  return rows;
}

async function compareEntry(
  candidate: ComparedModel,
  reference: ComparedModel,
  entry: EntryInfo,
  inputs: ComparisonInputs,
): Promise<ComparisonRow[]> {
  const pictured = entry.inputs.length === 1 && entry.inputs[0]?.kind === "image";
  const total = pictured ? inputs.images.length : SEEDED_RUNS;
  const pairs = new OutputPairs(entry);
  for (let index = 0; index < total; index++) {
    inputs.signal?.throwIfAborted();
    inputs.onProgress?.(index, total, entry.name);
    const given = pictured
      ? [await (inputs.images[index] as ComparisonInputs["images"][number]).decode(entry.inputs[0] as PortInfo)]
      : seededInputs(entry, entry.rowsMax, inputs.seed + index);
    const values = (outputs: readonly Uint8Array[]) =>
      entry.outputs.map((port, at) => valuesOf(port, outputs[at] as Uint8Array));
    const actual = values(await candidate.session.run(entry.name, given, entry.rowsMax));
    const expected = values(await reference.session.run(entry.name, given, entry.rowsMax));
    pairs.add(actual, expected, entry.rowsMax);
  }
  inputs.onProgress?.(total, total, entry.name);
  const given = pictured ? picturesText(inputs, total) : `${total} seeded`;
  return pairs.all().map(([what, samples]) => ({ what, inputs: given, against: "checkpoint", ...summarise(samples) }));
}

function picturesText({ imagesFound }: ComparisonInputs, count: number): string {
  return imagesFound !== undefined && imagesFound > count
    ? `${count} of ${imagesFound} pictures`
    : plural(count, "picture");
}

async function compareRollouts(
  candidate: ComparedModel,
  reference: ComparedModel,
  world: WorldModel,
  inputs: ComparisonInputs,
): Promise<ComparisonRow[]> {
  const stepsMax = inputs.actions?.length ?? (inputs.horizons.at(-1) as number);
  const horizons = inputs.horizons.filter((horizon) => horizon <= stepsMax);
  const oneStep: SamplePair[] = [];
  const atHorizon = horizons.map((): SamplePair[] => []);
  const starts = world.encode?.inputs[0]?.kind === "image" ? inputs.images.length : SEEDED_RUNS;
  for (let index = 0; index < starts; index++) {
    inputs.signal?.throwIfAborted();
    const actions = inputs.actions ?? seededRows(stepsMax, world.actionSize, inputs.seed + index);
    const [own, expectedStart] = await startLatents(candidate, reference, world, inputs, index);
    const options = {
      ...(inputs.signal ? { signal: inputs.signal } : {}),
      onStep: (done: number) => inputs.onProgress?.(index * stepsMax + done, starts * stepsMax, "rollout"),
    };
    const expected = await rollout(reference.session, world, expectedStart, actions, options);
    const actual = await rollout(candidate.session, world, own, actions, options);
    for (const [at, horizon] of horizons.entries()) {
      atHorizon[at]?.push({ actual: actual[horizon] as Float32Array, expected: expected[horizon] as Float32Array });
    }
    for (let frames = 1; frames <= Math.min(world.historyMax, actions.length); frames++) {
      const next = await predictNext(candidate.session, world, expected.slice(0, frames), actions.slice(0, frames));
      oneStep.push({ actual: next, expected: expected[frames] as Float32Array, row: frames - 1 });
    }
  }
  const origin = inputs.actions ? "given actions" : "random actions";
  const row = (what: string, given: string, samples: readonly SamplePair[]): ComparisonRow => ({
    what,
    inputs: `${plural(starts, "start")}, ${given}`,
    against: "checkpoint",
    ...summarise(samples),
  });
  return [
    row(world.predict.name, `1 to ${world.historyMax} frames`, oneStep),
    ...horizons.map((horizon, at) => row(`rollout ${horizon}`, origin, atHorizon[at] as SamplePair[])),
  ];
}

async function startLatents(
  candidate: ComparedModel,
  reference: ComparedModel,
  world: WorldModel,
  inputs: ComparisonInputs,
  index: number,
): Promise<readonly [Float32Array, Float32Array]> {
  const image = inputs.images[index];
  const port = world.encode?.inputs[0];
  if (!world.encode || port?.kind !== "image" || !image) {
    const latent = seededRows(1, world.latentSize, inputs.seed + index)[0] as Float32Array;
    return [latent, latent];
  }
  const pixels = [await image.decode(port)];
  const own = await candidate.session.run(world.encode.name, pixels);
  const expected = await reference.session.run(world.encode.name, pixels);
  return [floatsOf(own[0] as Uint8Array), floatsOf(expected[0] as Uint8Array)];
}

function requireSameEntries(candidate: ComparedModel, reference: ComparedModel): void {
  const ports = (list: readonly PortInfo[]) =>
    list.map(({ name, type, shape }) => `${name} ${type} [${shape.join(",")}]`).join(", ");
  const signature = ({ name, inputs, outputs }: EntryInfo) => `${name}(${ports(inputs)}) -> ${ports(outputs)}`;
  for (const entry of candidate.info.entries) {
    const other = reference.info.entries.find(({ name }) => name === entry.name);
    if (other && signature(other) === signature(entry)) continue;
    throw new InputError({
      code: "COMPARE_SHAPES",
      source: reference.source,
      where: `entry ${entry.name}`,
      message: other ? `is ${signature(other)}` : "is missing",
      expected: `${signature(entry)}, as in ${candidate.source}`,
    });
  }
}
