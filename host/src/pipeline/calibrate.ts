import { createHash } from "node:crypto";
import type { Session } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import { LinalgPool } from "../compress/linalg/linalgPool.js";
import { type OpenedModel, openModelBytes } from "../open/openModelFile.js";
import type { Picture } from "../run/pictures.js";
import { floatsOf } from "../run/seededInputs.js";
import {
  type ActionStatistics,
  type Calibration,
  type CalibrationUnit,
  calibrationUnits,
  type EntryRun,
} from "./calibrationRuns.js";
import type { Capture } from "./captureProgram.js";
import { type ChosenRows, chooseRows, joinRows, ROW_CHOICE } from "./chooseRows.js";
import { seededUniforms } from "./seededUniforms.js";
import { readStatistics, writeStatistics } from "./statisticsFile.js";

export interface CalibrateOptions {
  readonly pictures: readonly Picture[];
  readonly steps: number;
  readonly seed: number;
  readonly actions: ActionStatistics;
  readonly threads: number;
  /** Where statistics are kept, and an interrupted calibration goes on from. */
  readonly statisticsFile?: string | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, label: string) => void;
}

export interface Calibrated {
  /** With the moments of every statistic; the caller closes it. */
  readonly pool: LinalgPool;
  /** Rows that each statistic is made of. */
  readonly rows: readonly number[];
  /** Digest of the weights, the pictures and the settings that the statistics depend on. */
  readonly digest: string;
  /** Of the calibration runs, those that a statistics file had already. */
  readonly resumed: number;
  readonly total: number;
}

/** A statistic of fewer rows than this share of its columns tells next to nothing of how they hang together. */
const ROWS_MIN_SHARE = 1 / 16;

/**
 * Runs a captured f32 program (`pack`) on the calibration inputs and gathers the moments of what every linear layer is
 * given. Rejects with an InputError `CALIBRATION_ROWS` when that is too little, `STATISTICS_OTHER` when the statistics
 * file is of another calibration; what an interrupted run has gathered is in that file.
 */
export async function calibrate(
  pack: Uint8Array,
  source: string,
  capture: Capture,
  options: CalibrateOptions,
): Promise<Calibrated> {
  const opened = await openModelBytes(pack, source, undefined);
  try {
    const session = await opened.model.createSession({ threads: options.threads });
    try {
      return await gather(opened, session, source, capture, options);
    } finally {
      await session.close();
    }
  } finally {
    await opened.close();
  }
}

async function gather(
  opened: OpenedModel,
  session: Session,
  source: string,
  capture: Capture,
  options: CalibrateOptions,
): Promise<Calibrated> {
  const { pictures, steps, seed, actions, statisticsFile } = options;
  const entries = [...capture.entries.keys()];
  const calibration: Calibration = { session, info: opened.model.info, entries, pictures, steps, seed, actions };
  const units = calibrationUnits(calibration, source);
  const digest = await digestOf(opened.model.info.sha256, options);
  const columns = capture.statistics.map(({ k }) => k);
  const means = await positionMeans(session, capture, units);
  const pool = await LinalgPool.open(columns, options.threads);
  try {
    const rows = columns.map(() => 0);
    const resumed = await resume(pool, rows, digest, statisticsFile);
    let done = resumed;
    const save = async () => {
      if (statisticsFile === undefined || done === resumed) return;
      const sums = await Promise.all(columns.map((_, index) => pool.save(index)));
      await writeStatistics(statisticsFile, { key: digest, done, sums });
    };
    try {
      for (; done < units.length; done++) {
        options.signal?.throwIfAborted();
        options.onProgress?.(done, units.length, "calibrate");
        const runs = await (units[done] as (typeof units)[number]).runs();
        await addRuns(session, capture, means, pool, rows, runs, seededUniforms(seed + done));
      }
    } finally {
      await save();
    }
    requireRows(capture, rows, source);
    return { pool, rows, digest, resumed, total: units.length };
  } catch (error) {
    await pool.close();
    throw error;
  }
}

/**
 * For every captured activation, its mean over the first pictures, row by row: what a row differs by from it is what it
 * says of a picture.
 */
type PositionMeans = ReadonlyMap<string, Float64Array>;

const MEAN_RUNS = 16;

async function positionMeans(
  session: Session,
  capture: Capture,
  units: readonly CalibrationUnit[],
): Promise<PositionMeans> {
  const means = new Map<string, Float64Array>();
  for (const entry of capture.selected.keys()) {
    const first = units.filter((unit) => unit.entry === entry).slice(0, MEAN_RUNS);
    for (const { runs } of first) {
      for (const { inputs, rows } of await runs()) {
        for (const { name, outputs } of capture.entries.get(entry) ?? []) {
          const captured = await session.run(name, inputs, rows);
          outputs.forEach((_, port) => {
            const values = floatsOf(captured[port] as Uint8Array);
            const mean = means.get(`${name} ${port}`) ?? new Float64Array(values.length);
            values.forEach((value, i) => {
              mean[i] = (mean[i] as number) + value / first.length;
            });
            means.set(`${name} ${port}`, mean);
          });
        }
      }
    }
  }
  return means;
}

/** Adds the inputs of all linear layers in some runs; they belong to one unit, which is added whole. */
async function addRuns(
  session: Session,
  capture: Capture,
  means: PositionMeans,
  pool: LinalgPool,
  rows: number[],
  runs: readonly EntryRun[],
  uniform: () => number,
): Promise<void> {
  const gathered = new Map<number, ChosenRows[]>();
  for (const { entry, inputs, rows: count } of runs) {
    const selected = capture.selected.get(entry);
    for (const { name, outputs } of capture.entries.get(entry) ?? []) {
      const captured = await session.run(name, inputs, count);
      outputs.forEach((statistics, port) => {
        const values = floatsOf(captured[port] as Uint8Array);
        for (const index of statistics) {
          const chosen = chooseRows(
            values,
            capture.statistics[index]?.k as number,
            selected,
            means.get(`${name} ${port}`),
            uniform,
          );
          gathered.set(index, [...(gathered.get(index) ?? []), chosen]);
        }
      });
    }
  }
  await Promise.all(
    [...gathered].map(([index, pieces]) => {
      const { values, weights } = joinRows(pieces);
      rows[index] = (rows[index] as number) + weights.length;
      return pool.add(index, values, weights);
    }),
  );
}

async function digestOf(weights: string, { pictures, steps, seed, actions }: CalibrateOptions): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify({ weights, steps, seed, actions, rows: ROW_CHOICE }));
  for (const { read } of pictures)
    hash.update(
      createHash("sha256")
        .update(await read())
        .digest(),
    );
  return hash.digest("hex");
}

/** Takes over what a statistics file has; answers how much of the calibration that is. */
async function resume(pool: LinalgPool, rows: number[], digest: string, file: string | undefined): Promise<number> {
  if (file === undefined) return 0;
  const saved = await readStatistics(file).catch((error: unknown) => {
    if (error instanceof InputError && error.code === "FILE_ENOENT") return undefined;
    throw error;
  });
  if (saved === undefined) return 0;
  if (saved.key !== digest) {
    throw new InputError({
      code: "STATISTICS_OTHER",
      source: file,
      message: "has the statistics of other weights, pictures or settings",
      expected: "the file of this calibration, or a name that does not exist yet",
    });
  }
  await Promise.all(saved.sums.map((sums, index) => pool.restore(index, sums)));
  for (const [index, { count }] of saved.sums.entries()) rows[index] = count;
  return saved.done;
}

function requireRows({ statistics }: Capture, rows: readonly number[], source: string): void {
  const poor = statistics.findIndex(({ k }, index) => (rows[index] as number) < k * ROWS_MIN_SHARE);
  if (poor < 0) return;
  const { k, weights } = statistics[poor] as Capture["statistics"][number];
  throw new InputError({
    code: "CALIBRATION_ROWS",
    source,
    where: `"${weights[0]}"`,
    message: `calibration gives ${rows[poor]} rows of ${k} inputs`,
    expected: `at least ${Math.ceil(k * ROWS_MIN_SHARE)}, and better ${k}: more pictures, or more --steps`,
  });
}
