import { access, constants } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { InputError } from "synapse-engine/errors";
import type { Checkpoint } from "../checkpoint/index.js";
import { compile } from "../compile/compile.js";
import { openWeights } from "../compile/openWeights.js";
import { packCheckpoint, readStatistics } from "../compile/packCheckpoint.js";
import { DAMPING } from "../compress/linalg/gptq.js";
import { ACTION_STATISTICS } from "../config/actionSpace.js";
import type { ActionSpace, ModelConfig, Statistics } from "../config/configSchema.js";
import { findConfig } from "../config/findConfig.js";
import { parseConfig } from "../config/parseConfig.js";
import { isOpenStream } from "../files/atomicWrite.js";
import { readJsonInput } from "../files/readInput.js";
import { writeFailed } from "../files/writeFailed.js";
import { fitCheckpoint, type WeightChoice } from "../lower/fitCheckpoint.js";
import type { CompressRecipe, CompressReport } from "../report/compressReport.js";
import { comparePack } from "../run/comparePack.js";
import { openModelFolder } from "../run/modelFolder.js";
import { openPictures, type Pictures } from "../run/pictures.js";
import { type Calibrated, calibrate } from "./calibrate.js";
import type { ActionStatistics } from "./calibrationRuns.js";
import { type Capture, captureProgram } from "./captureProgram.js";
import { type QuantisedProgram, quantiseProgram } from "./quantiseProgram.js";

export interface CompressRequest extends WeightChoice {
  /** A model's folder, or a checkpoint where `config` is given. */
  readonly model: string;
  readonly config?: string | undefined;
  readonly types?: string | undefined;
  /** Pictures to calibrate with; of an evaluation set, its calibration episodes. The folder's own when absent. */
  readonly images?: string | undefined;
  readonly imagesMax: number;
  readonly steps: number;
  readonly seed: number;
  readonly threads?: number | undefined;
  readonly statistics?: string | undefined;
  readonly board?: string | undefined;
  readonly actionStats?: string | undefined;
  readonly name?: string | undefined;
  readonly ignoreMetadata?: string | undefined;
  /** Whether to compare the pack with the checkpoint on the evaluation set's test episodes. */
  readonly judge: boolean;
  readonly output: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, label: string) => void;
}

/** Where a model's parts are. */
interface Sources {
  readonly checkpoint: string;
  readonly config: string;
  readonly images: string | undefined;
  /** An evaluation set whose test episodes judge. */
  readonly evaluation: string | undefined;
}

const CONFIG_BYTES_MAX = 4 << 20;
/** The f32 program runs on this machine alone, so its plan may use any memory. */
const CAPTURE_FAST_BYTES = 1 << 24;
/** Pictures of the judgement at most, as `compare` takes them. */
const JUDGED_PICTURES_MAX = 64;

/**
 * Calibrates a model by running it in f32, quantises its linear layers against the moments of their inputs, packs the
 * result and judges it on pictures that calibration has not seen. Rejects with the InputErrors of these steps; the
 * output is written whole or not at all.
 */
export async function compressModel(request: CompressRequest): Promise<CompressReport> {
  const start = performance.now();
  const sources = await sourcesOf(request);
  await requireWritable(request.output);
  const opened = await openWeights(sources.checkpoint);
  try {
    const { capture, pack, actions } = await prepare(opened, sources, request);
    const pictures = await calibrationPictures(capture, sources.images, request.imagesMax);
    const calibrated = await calibrate(pack, sources.checkpoint, capture, {
      pictures: pictures.chosen,
      steps: request.steps,
      seed: request.seed,
      actions,
      threads: request.threads ?? availableParallelism(),
      statisticsFile: request.statistics,
      ...callbacks(request),
    }).finally(pictures.close);
    const recipe: CompressRecipe = {
      method: "gptq",
      rows: "plain",
      damping: DAMPING,
      seed: request.seed,
      pictures: pictures.chosen.length,
      steps: request.steps,
      calibration: calibrated.digest,
    };
    const { packed, quantised } = await packQuantised(opened, sources, capture, calibrated, recipe, request);
    const judged = await judge(sources, request);
    return {
      command: "compress",
      output: packed.output,
      name: packed.name,
      checkpoint: sources.checkpoint,
      config: sources.config,
      types: packed.types,
      untrained: packed.untrained,
      fileBytes: packed.fileBytes,
      sha256: packed.sha256,
      recipe,
      calibration: {
        source: pictures.found === 0 ? null : (sources.images ?? null),
        runs: calibrated.total,
        resumedRuns: calibrated.resumed,
      },
      weights: quantised.weights,
      nearest: quantised.nearest,
      fallbacks: packed.fallbacks,
      judged,
      elapsedMs: performance.now() - start,
      warnings: packed.warnings,
    };
  } finally {
    await opened.close();
  }
}

async function sourcesOf({ model, config, images }: CompressRequest): Promise<Sources> {
  if (config !== undefined) return { checkpoint: model, config: findConfig(config), images, evaluation: undefined };
  const folder = await openModelFolder(model);
  return { ...folder, images: images ?? folder.evaluation };
}

/** Minutes of work should not end at a folder that was never there. */
async function requireWritable(output: string): Promise<void> {
  if (isOpenStream(output)) return;
  await access(dirname(output), constants.W_OK).catch((error: unknown) => {
    throw writeFailed(output, error);
  });
}

/** The model in f32 with entries that capture, packed in memory. */
async function prepare(
  opened: Checkpoint,
  { config: configSource }: Sources,
  request: CompressRequest,
): Promise<{ capture: Capture; pack: Uint8Array; actions: ActionStatistics }> {
  const config = await readJsonInput(configSource, "a model's configuration", CONFIG_BYTES_MAX);
  const parsed = parseConfig(config, configSource);
  const { checkpoint } = fitCheckpoint(opened, parsed, configSource, request);
  const given = request.actionStats ? await readStatistics(request.actionStats) : undefined;
  let capture: Capture | undefined;
  const { bytes, report } = await compile({
    checkpoint,
    config,
    configSource,
    types: "f32",
    attentionCompute: "f32",
    numeric: "reference",
    fastBytes: CAPTURE_FAST_BYTES,
    ...(given ? { statistics: { [ACTION_STATISTICS]: given.statistics }, actions: given.actions } : {}),
    rewrite: (program) => {
      capture = captureProgram(program);
      return capture.program;
    },
    onProgress: ({ done, total, name }) => {
      request.signal?.throwIfAborted();
      request.onProgress?.(done, total, name);
    },
  });
  const actions = actionsOf(parsed, report.statistics[ACTION_STATISTICS], given?.actions);
  return { capture: capture as Capture, pack: bytes, actions };
}

/** Of what is standardised outside of the model, the mean is 0 and the deviation 1. */
function actionsOf(
  config: ModelConfig,
  statistics: Statistics | null | undefined,
  given: ActionSpace | undefined,
): ActionStatistics {
  const { mean, std } = statistics ?? { mean: [0], std: [1] };
  return { mean, std, bounds: given?.bounds ?? config.actions?.bounds };
}

async function calibrationPictures({ program }: Capture, images: string | undefined, most: number): Promise<Pictures> {
  if (!program.entries.some(({ inputs }) => inputs.some(({ kind }) => kind === "image")))
    return { chosen: [], found: 0, close: async () => {} };
  if (images !== undefined) return openPictures(images, most, "calibration");
  throw new InputError({
    code: "INPUT_MISSING",
    source: "command line",
    message: "the model takes pictures, and nothing says with which to calibrate",
    expected: "--images <folder>, or a model's folder with an evaluation set",
  });
}

async function packQuantised(
  opened: Checkpoint,
  sources: Sources,
  capture: Capture,
  calibrated: Calibrated,
  recipe: CompressRecipe,
  request: CompressRequest,
) {
  let quantised: QuantisedProgram | undefined;
  const { types, board, actionStats, name, ignoreMetadata, stateDict, prefix, output } = request;
  try {
    const packed = await packCheckpoint({
      checkpoint: opened,
      config: sources.config,
      ...{ types, board, actionStats, name, ignoreMetadata, stateDict, prefix, output },
      golden: true,
      recipe: { ...recipe },
      rewrite: async (program) => {
        quantised = await quantiseProgram(
          program,
          capture.statistics,
          calibrated,
          sources.checkpoint,
          (...progress) => {
            request.signal?.throwIfAborted();
            request.onProgress?.(...progress);
          },
        );
        return quantised.program;
      },
      ...callbacks(request),
    });
    return { packed, quantised: quantised as QuantisedProgram };
  } finally {
    await calibrated.pool.close();
  }
}

async function judge({ checkpoint, evaluation }: Sources, request: CompressRequest): Promise<CompressReport["judged"]> {
  if (!request.judge || evaluation === undefined || isOpenStream(request.output)) return null;
  const { rows } = await comparePack(request.output, checkpoint, {
    threads: request.threads ?? availableParallelism(),
    images: evaluation,
    imagesMax: JUDGED_PICTURES_MAX,
    seed: request.seed,
    bars: {},
    stateDict: request.stateDict,
    prefix: request.prefix,
    ...callbacks(request),
  });
  return { source: evaluation, rows };
}

function callbacks({ signal, onProgress }: CompressRequest) {
  return { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) };
}
