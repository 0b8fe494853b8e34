import { basename } from "node:path";
import type { EngineName } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import { z } from "zod";
import type { Checkpoint } from "../checkpoint/index.js";
import { compile } from "../compile/compile.js";
import { openWeights } from "../compile/openWeights.js";
import { type Statistics, statisticsSchema } from "../config/configSchema.js";
import { findConfig } from "../config/findConfig.js";
import { parseConfig } from "../config/parseConfig.js";
import { readJsonInput } from "../files/readInput.js";
import { schemaError } from "../files/schemaError.js";
import { fitCheckpoint, type WeightChoice } from "../lower/fitCheckpoint.js";
import { isUntrained, type OpenedModel, openModelBytes, openModelFile } from "../open/openModelFile.js";
import { readPack } from "../pack/readPack.js";
import {
  type CompareReport,
  type ComparisonRow,
  passes,
  SAME_CONFIG,
  type SimilarityBars,
} from "../report/compareReport.js";
import { type ComparedModel, type ComparisonInputs, compareModels } from "./compareModels.js";
import { decodeImagePort } from "./entryInputs.js";
import { openPictures, type Pictures } from "./pictures.js";
import { worldModelOf } from "./rollout.js";
import { readActions } from "./runModel.js";
import { compareExpected, requireMeasurable } from "./verifyModel.js";

/** Rollouts are compared after these many steps. */
export const HORIZONS = [10, 20, 50] as const;

const CONFIG_BYTES_MAX = 4 << 20;
/** The reference runs on this machine alone, so its plan may use any memory. */
const REFERENCE_FAST_BYTES = 1 << 24;

const packWeights = z.object({ state_dict: z.string() });
const packStatistics = z.record(z.string(), statisticsSchema).optional();

export interface ComparePackOptions extends WeightChoice {
  /** The fastest that there is, when absent. */
  readonly engine?: EngineName | undefined;
  readonly threads: number;
  /** A folder or zip archive of pictures, or one picture; needed when an entry takes one. */
  readonly images?: string;
  /** Pictures that are used at most. */
  readonly imagesMax: number;
  readonly actions?: string;
  /** Path of the configuration, or the name of one in `configs/`; the one in the pack when absent. */
  readonly config?: string;
  readonly seed: number;
  readonly bars: SimilarityBars;
  /** Outputs that the user saved from another implementation, to compare with as well. */
  readonly expected?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, label: string) => void;
}

/**
 * Packs `checkpoint` as f32 in memory with the configuration of the pack at `file` and compares the two on the same
 * inputs. Rejects with an InputError `COMPARE_SAMPLES` when there are bars and too few inputs to tell.
 */
export async function comparePack(
  file: string,
  checkpoint: string,
  options: ComparePackOptions,
): Promise<CompareReport> {
  const opened = await openModelFile(file, options.engine);
  try {
    const expected = options.expected === undefined ? [] : await compareExpected(opened, options.expected, options);
    const reference = await openReference(opened, file, checkpoint, options);
    try {
      const rows = [...(await compareWith(opened, file, reference, checkpoint, options)), ...expected];
      requireMeasurable(rows, options.bars, options.images ?? "command line");
      return {
        command: "compare",
        model: basename(file),
        reference: basename(checkpoint),
        expected: options.expected === undefined ? null : basename(options.expected),
        engine: `${opened.engine.name} (${opened.engine.isa})`,
        untrained: isUntrained(opened.model.info.meta),
        rows,
        bars: options.bars,
        notSeen: options.expected === undefined ? SAME_CONFIG : null,
        pass: rows.every((row) => passes(row, options.bars)),
      };
    } finally {
      await reference.close();
    }
  } finally {
    await opened.close();
  }
}

async function compareWith(
  opened: OpenedModel,
  file: string,
  reference: OpenedModel,
  checkpoint: string,
  options: ComparePackOptions,
): Promise<ComparisonRow[]> {
  const pictures = await picturesOf(opened, options);
  try {
    return await compareOn(pictures, opened, file, reference, checkpoint, options);
  } finally {
    await pictures.close();
  }
}

async function compareOn(
  pictures: Pictures,
  opened: OpenedModel,
  file: string,
  reference: OpenedModel,
  checkpoint: string,
  options: ComparePackOptions,
): Promise<ComparisonRow[]> {
  const world = opened.model.info.entries.some(({ name }) => name === "predict")
    ? worldModelOf(opened.model.info, file)
    : undefined;
  const actions = options.actions && world ? await readActions(options.actions, world.actionSize) : undefined;
  const { signal, onProgress, seed } = options;
  const inputs: ComparisonInputs = {
    images: pictures.chosen.map(({ name, read }) => ({
      name,
      decode: async (port) => decodeImagePort(port, await read(), name),
    })),
    imagesFound: pictures.found,
    actions,
    horizons: HORIZONS,
    seed,
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  };
  return withSessions(opened, file, reference, checkpoint, options.threads, (a, b) => compareModels(a, b, inputs));
}

/** The checkpoint of the pack at `file`, packed as f32 in memory with the pack's own configuration, and opened. */
export async function openReference(
  opened: OpenedModel,
  file: string,
  checkpointPath: string,
  options: WeightChoice & Pick<ComparePackOptions, "signal" | "onProgress"> & { readonly config?: string | undefined },
): Promise<OpenedModel> {
  const given = options.config === undefined ? undefined : findConfig(options.config);
  const config = given
    ? await readJsonInput(given, "a model's configuration", CONFIG_BYTES_MAX)
    : configOf(opened, file);
  const configSource = given ?? `${file} meta.config`;
  const whole = await openWeights(checkpointPath);
  try {
    const { checkpoint } = fitCheckpoint(
      whole,
      parseConfig(config, configSource),
      configSource,
      choiceOf(opened, whole, options),
    );
    const statistics = statisticsOf(opened, file);
    const { bytes } = await compile({
      checkpoint,
      config,
      configSource,
      types: "f32",
      attentionCompute: "f32",
      numeric: "reference",
      fastBytes: REFERENCE_FAST_BYTES,
      ...(statistics ? { statistics } : {}),
      onProgress: ({ done, total, name }) => {
        options.signal?.throwIfAborted();
        options.onProgress?.(done, total, name);
      },
    });
    return await openModelBytes(bytes, checkpointPath, undefined);
  } finally {
    await whole.close();
  }
}

/** The weights that the pack was made of, unless others are asked for. */
function choiceOf(opened: OpenedModel, checkpoint: Checkpoint, { stateDict, prefix }: WeightChoice): WeightChoice {
  if (stateDict !== undefined || prefix !== undefined) return { stateDict, prefix };
  const { data } = packWeights.safeParse(opened.model.info.meta.weights);
  if (data === undefined) return {};
  return { stateDict: checkpoint.stateDicts?.has(data.state_dict) ? data.state_dict : undefined };
}

function configOf(opened: OpenedModel, file: string): unknown {
  const config = readPack(opened.file, file).header.meta?.config;
  if (config !== undefined) return config;
  throw new InputError({
    code: "CONFIG_MISSING",
    source: file,
    message: "the pack does not carry the configuration it was made with",
    expected: "--config <file>",
  });
}

/** What the pack says it standardises its inputs with; whoever wrote it may have written anything. */
function statisticsOf(opened: OpenedModel, file: string): Readonly<Record<string, Statistics>> | undefined {
  const result = packStatistics.safeParse(opened.model.info.meta.statistics, { reportInput: true });
  if (result.success) return result.data;
  throw schemaError("STATISTICS_SCHEMA", result.error, `${file} meta.statistics`);
}

async function withSessions<Answer>(
  candidate: OpenedModel,
  candidateSource: string,
  reference: OpenedModel,
  referenceSource: string,
  threads: number,
  use: (candidate: ComparedModel, reference: ComparedModel) => Promise<Answer>,
): Promise<Answer> {
  const own = await candidate.model.createSession({ threads });
  try {
    const other = await reference.model.createSession({ threads });
    try {
      return await use(
        { source: candidateSource, info: candidate.model.info, session: own },
        { source: referenceSource, info: reference.model.info, session: other },
      );
    } finally {
      await other.close();
    }
  } finally {
    await own.close();
  }
}

/** The pictures to run on; none where no entry takes one. */
async function picturesOf(opened: OpenedModel, { images, imagesMax }: ComparePackOptions): Promise<Pictures> {
  if (images !== undefined) return openPictures(images, imagesMax);
  if (!opened.model.info.entries.some(({ inputs }) => inputs.some(({ kind }) => kind === "image")))
    return { chosen: [], found: 0, close: async () => {} };
  throw new InputError({
    code: "INPUT_MISSING",
    source: "command line",
    message: "the model takes pictures",
    expected: "--images <folder>",
  });
}
