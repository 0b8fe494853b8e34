import { basename } from "node:path";
import type { EngineName, EntryInfo, PortInfo } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import type { WeightChoice } from "../lower/fitCheckpoint.js";
import { isUntrained, type OpenedModel, openModelFile } from "../open/openModelFile.js";
import type { SimilarityBars } from "../report/compareReport.js";
import { type JudgedRow, type Judgement, reachesBars } from "../report/judgement.js";
import type { SamplePair } from "../report/similarity.js";
import { openReference } from "../run/comparePack.js";
import { rollout, type WorldModel, worldModelOf } from "../run/rollout.js";
import { floatsOf } from "../run/seededInputs.js";
import { requireHeldOut } from "./disjointSets.js";
import { judgedFigures, reaches } from "./figures.js";
import { movedByHalfPixel } from "./halfPixel.js";
import { type JudgedSet, openJudgedSet, type SetEpisode } from "./judgedSet.js";
import { fitProbe, probeR2 } from "./linearProbe.js";
import { ModelPool } from "./modelPool.js";
import { readPictures, type SetPicture } from "./setPictures.js";
import { mcnemarExact } from "./statistics.js";
import { surpriseAuroc, surpriseErrors, surpriseSteps } from "./surprise.js";
import { planTrajectories, type Trajectory } from "./trajectories.js";

/** Rollouts are judged after these many steps. */
const HORIZONS = [1, 10, 20, 50] as const;
const STEPS = 50;
/** Of the centred cosine: on which side of it two models are compared in pairs. */
const PAIRED_ABOVE = 0.95;
/** With fewer, the mean of a set says little of another (a few trajectories that change sides move it by 0.02). */
const TRAJECTORIES_ENOUGH = 500;
/** Rows of a probe for each of its columns, below which it fits what is no relation. */
const PROBE_ROWS_EACH = 10;

export interface JudgeOptions extends WeightChoice {
  /** An evaluation set: a zip archive or a folder of episodes `test-NN` and perhaps `calibration-NN`. */
  readonly evaluation: string;
  readonly trajectories: number;
  readonly seed: number;
  /** Runs at a time; no figure depends on it. */
  readonly threads: number;
  readonly bars: SimilarityBars;
  readonly engine?: EngineName | undefined;
  /** Path of the configuration, or its name in `configs/`; the one in the pack when absent. */
  readonly config?: string | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, label: string) => void;
}

/**
 * Judges the pack at `file` against its checkpoint in f32, packed in memory, on frames and actions that nothing was
 * chosen by: encoding, rollouts, what a probe reads from latents, and surprise. Rejects with an InputError
 * `NOT_A_WORLD_MODEL`, `JUDGE_SET`, `JUDGE_EPISODE`, `JUDGE_NOT_HELD_OUT`, `JUDGE_SAMPLES`, or those of the files.
 */
export async function judge(file: string, checkpoint: string, options: JudgeOptions): Promise<Judgement> {
  const begun = performance.now();
  const opened = await openModelFile(file, options.engine);
  try {
    const world = judgedWorld(opened, file);
    const set = await openJudgedSet(options.evaluation);
    try {
      const pictures = await picturesOf(set, world, opened, options);
      const reference = await openReference(opened, file, checkpoint, options);
      try {
        const seen = await see(set, pictures, world, opened, reference, options);
        return {
          command: "judge",
          model: basename(file),
          fileBytes: opened.file.length,
          reference: basename(checkpoint),
          engine: `${opened.engine.name} (${opened.engine.isa})`,
          untrained: isUntrained(opened.model.info.meta),
          seed: options.seed,
          trajectories: options.trajectories,
          sets: {
            source: options.evaluation,
            testFrames: pictures.test.length,
            testEpisodes: set.test.length,
            calibrationFrames: pictures.calibration.length,
            ...pictures.origins,
          },
          ...seen,
          bars: options.bars,
          pass: seen.rows.every((row) => reachesBars(row, options.bars)),
          warnings: warningsOf(pictures, seen, options),
          elapsedMs: performance.now() - begun,
        };
      } finally {
        await reference.close();
      }
    } finally {
      await set.close();
    }
  } finally {
    await opened.close();
  }
}

/** A world model that encodes pictures. */
interface JudgedWorld extends WorldModel {
  readonly encode: EntryInfo;
}

function judgedWorld(opened: OpenedModel, source: string): JudgedWorld {
  const world = worldModelOf(opened.model.info, source);
  const { encode } = world;
  if (encode?.inputs.length === 1 && encode.inputs[0]?.kind === "image") return { ...world, encode };
  throw new InputError({
    code: "NOT_A_WORLD_MODEL",
    source,
    where: "entry encode",
    message: encode ? "does not take one picture" : "is missing",
    expected: "a model that encodes pictures: a judgement starts from frames",
  });
}

interface JudgedPictures {
  readonly test: readonly SetPicture[];
  readonly calibration: readonly SetPicture[];
  readonly origins: ReturnType<typeof requireHeldOut>;
}

async function picturesOf(
  set: JudgedSet,
  world: JudgedWorld,
  opened: OpenedModel,
  { signal }: JudgeOptions,
): Promise<JudgedPictures> {
  const port = world.encode.inputs[0] as PortInfo;
  const test = await readPictures(set.test, port, signal);
  if (test.length < 2) {
    const [message, expected] = ["has one frame to judge by", "two or more, of which the figures are about the mean"];
    throw new InputError({ code: "JUDGE_SAMPLES", source: set.source, message, expected });
  }
  const calibration = await readPictures(set.calibration, port, signal);
  return { test, calibration, origins: requireHeldOut(set.source, test, calibration, opened.model.info.meta.recipe) };
}

type Seen = Pick<Judgement, "actions" | "rows" | "probe" | "surprise">;

async function see(
  set: JudgedSet,
  pictures: JudgedPictures,
  world: JudgedWorld,
  opened: OpenedModel,
  reference: OpenedModel,
  options: JudgeOptions,
): Promise<Seen> {
  const packPool = await ModelPool.open(opened.model, options.threads);
  try {
    const referencePool = await ModelPool.open(reference.model, options.threads);
    try {
      return await new Runs(world, packPool, referencePool, options).see(set, pictures, opened.model.info.meta);
    } finally {
      await referencePool.close();
    }
  } finally {
    await packPool.close();
  }
}

class Runs {
  readonly #world: JudgedWorld;
  readonly #pack: ModelPool;
  readonly #reference: ModelPool;
  readonly #options: JudgeOptions;

  constructor(world: JudgedWorld, pack: ModelPool, reference: ModelPool, options: JudgeOptions) {
    this.#world = world;
    this.#pack = pack;
    this.#reference = reference;
    this.#options = options;
  }

  async see(set: JudgedSet, pictures: JudgedPictures, meta: Readonly<Record<string, unknown>>): Promise<Seen> {
    const { trajectories: count, seed } = this.#options;
    const width = this.#world.encode.inputs[0]?.shape[1] as number;
    const pixels = pictures.test.map((picture) => picture.pixels);
    const plain = await this.#encode(this.#reference, pixels, "encode, f32");
    const moved = await this.#encode(
      this.#reference,
      pixels.map((each) => movedByHalfPixel(each, width)),
      "encode, f32, half a pixel",
    );
    const own = await this.#encode(this.#pack, pixels, "encode, pack");
    const { trajectories, actions } = planTrajectories(set.test, {
      count,
      steps: STEPS,
      actionSize: this.#world.actionSize,
      seed,
      meta,
    });
    const expected = await this.#roll(this.#reference, plain, trajectories, "rollouts, f32");
    const shifted = await this.#roll(this.#reference, moved, trajectories, "rollouts, f32, half a pixel");
    const actual = await this.#roll(this.#pack, own, trajectories, "rollouts, pack");
    return {
      actions,
      rows: [
        row(0, own, moved, plain),
        ...HORIZONS.map((steps, at) => {
          const of = (latents: readonly Float32Array[][]) => latents.map((each) => each[at] as Float32Array);
          return row(steps, of(actual), of(shifted), of(expected));
        }),
      ],
      probe: await this.#probe(set, pictures, plain, own),
      surprise: await this.#surprise(set.test, plain, own),
    };
  }

  #encode(pool: ModelPool, pictures: readonly Uint8Array[], label: string): Promise<Float32Array[]> {
    const told = this.#teller(pictures.length, label);
    return pool.map(pictures, async (session, pixels) => {
      const [latent] = await session.run(this.#world.encode.name, [pixels]);
      told();
      return floatsOf(latent as Uint8Array);
    });
  }

  /** The latents at `HORIZONS` of each trajectory, from the encoding of its start. */
  #roll(
    pool: ModelPool,
    starts: readonly Float32Array[],
    trajectories: readonly Trajectory[],
    label: string,
  ): Promise<Float32Array[][]> {
    const told = this.#teller(trajectories.length, label);
    const { signal } = this.#options;
    return pool.map(trajectories, async (session, { start, actions }) => {
      const from = starts[start] as Float32Array;
      const latents = await rollout(session, this.#world, from, actions, signal ? { signal } : {});
      told();
      return HORIZONS.map((steps) => latents[steps] as Float32Array);
    });
  }

  async #probe(
    { test, calibration }: JudgedSet,
    pictures: JudgedPictures,
    plain: readonly Float32Array[],
    own: readonly Float32Array[],
  ): Promise<Judgement["probe"]> {
    const testStates = statesOf(test);
    const states = statesOf(calibration);
    if (!testStates || !states || states[0]?.length !== testStates[0]?.length) return null;
    const pixels = pictures.calibration.map((picture) => picture.pixels);
    const inF32 = await this.#encode(this.#reference, pixels, "calibration frames, f32");
    const packed = await this.#encode(this.#pack, pixels, "calibration frames, pack");
    const probe = fitProbe(inF32, states);
    return {
      fittedOn: states.length,
      columns: this.#world.latentSize + 1,
      reference: probeR2(probe, plain, testStates),
      pack: probeR2(probe, own, testStates),
      packOwn: probeR2(fitProbe(packed, states), own, testStates),
    };
  }

  async #surprise(
    episodes: readonly SetEpisode[],
    plain: readonly Float32Array[],
    own: readonly Float32Array[],
  ): Promise<Judgement["surprise"]> {
    const steps = surpriseSteps(episodes, this.#world, this.#options.seed);
    if (steps.length === 0) return null;
    const errors = (pool: ModelPool, latents: readonly Float32Array[], label: string) => {
      const told = this.#teller(steps.length, label);
      return pool.map(steps, async (session, step) => {
        const distances = await surpriseErrors(session, this.#world, latents, step);
        told();
        return distances;
      });
    };
    return {
      steps: steps.length,
      reference: surpriseAuroc(await errors(this.#reference, plain, "surprise, f32")),
      pack: surpriseAuroc(await errors(this.#pack, own, "surprise, pack")),
    };
  }

  #teller(total: number, label: string): () => void {
    const { onProgress, signal } = this.#options;
    let done = 0;
    return () => {
      signal?.throwIfAborted();
      onProgress?.(++done, total, label);
    };
  }
}

function row(
  steps: number,
  own: readonly Float32Array[],
  moved: readonly Float32Array[],
  plain: readonly Float32Array[],
): JudgedRow {
  const pairs = (latents: readonly Float32Array[]): SamplePair[] =>
    latents.map((actual, at) => ({ actual, expected: plain[at] as Float32Array }));
  const [pack, half] = [pairs(own), pairs(moved)];
  const [packReaches, halfReaches] = [reaches(pack, PAIRED_ABOVE), reaches(half, PAIRED_ABOVE)];
  const packOnly = packReaches.filter((reached, at) => reached && !halfReaches[at]).length;
  const halfPixelOnly = halfReaches.filter((reached, at) => reached && !packReaches[at]).length;
  return {
    steps,
    pack: judgedFigures(pack),
    halfPixel: judgedFigures(half),
    paired: { packOnly, halfPixelOnly, p: mcnemarExact(packOnly, halfPixelOnly) },
  };
}

/** The states of all frames, or undefined where an episode has none or one of another length. */
function statesOf(episodes: readonly SetEpisode[]): (readonly number[])[] | undefined {
  const width = episodes[0]?.states[0]?.length;
  const complete = width !== undefined && episodes.every(({ states }) => states[0]?.length === width);
  return complete ? episodes.flatMap(({ states }) => states) : undefined;
}

function warningsOf(pictures: JudgedPictures, { probe }: Seen, { trajectories }: JudgeOptions): string[] {
  const scaled = pictures.test.filter((picture) => picture.scaled).length;
  const few = probe !== null && probe.fittedOn < PROBE_ROWS_EACH * probe.columns;
  return [
    ...(trajectories < TRAJECTORIES_ENOUGH
      ? [`${trajectories} trajectories rank nothing: one moves the mean of so few (${TRAJECTORIES_ENOUGH} or more)`]
      : []),
    ...(scaled > 0 ? [`${scaled} test frames are not of the model's size and were scaled`] : []),
    ...(few
      ? [`the probe has ${probe.columns} columns and was fitted on ${probe.fittedOn} frames: compare, do not quote`]
      : []),
    ...(pictures.origins.calibratedBy === "not named"
      ? ["the pack does not name the pictures that calibrated it, so that they are others could not be checked"]
      : []),
  ];
}
