import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, extname, join, resolve } from "node:path";
import { InputError } from "synapse-engine/errors";
import { packCheckpoint } from "../compile/packCheckpoint.js";
import { fileError } from "../files/readInput.js";
import type { AttentionCompute } from "../format/ops.js";
import type { Activations } from "../lower/activations.js";
import type { WeightChoice } from "../lower/fitCheckpoint.js";
import type { CompareReport } from "../report/compareReport.js";
import { type ComparePackOptions, comparePack } from "./comparePack.js";

const PACK = ".syn";
const CHECKPOINTS = new Set([".safetensors", ".pt", ".pth", ".bin", ".gguf"]);
/** What training/export.py calls them. */
const CHECKPOINT = "model.safetensors";
const CONFIG = "synapse.json";
const EVALUATION_SETS = ["eval.zip", "eval"];

export interface CompareFolderOptions extends Omit<ComparePackOptions, "images"> {
  /**
   * The packed model; when absent the one in the folder, and where there is none, the checkpoint is packed for this
   * comparison alone.
   */
  readonly model?: string;
  /** When absent the one in the folder. */
  readonly checkpoint?: string;
  /** Storage types to pack with, as of `--type`. */
  readonly types?: string | undefined;
  /** How attention computes and how inputs of layers are quantised, where a pack is made. */
  readonly attention?: AttentionCompute | undefined;
  readonly activations?: Activations | undefined;
}

/**
 * Compares the model of a folder as `models/*` are: a checkpoint, its configuration `synapse.json`, an evaluation set
 * `eval.zip` (or a folder `eval`), and perhaps a pack. Rejects with an InputError `MODEL_FOLDER` when something is
 * missing that nothing else names.
 */
export async function compareFolder(folder: string, options: CompareFolderOptions): Promise<CompareReport> {
  return onModelFolder(folder, options, (packed, weights, images) =>
    comparePack(packed, weights, { ...options, images }),
  );
}

type FolderFiles = Pick<
  CompareFolderOptions,
  "model" | "checkpoint" | "types" | "attention" | "activations" | "signal" | "onProgress"
> &
  WeightChoice & { readonly config?: string | undefined };

/**
 * Finds pack, checkpoint and evaluation set of a model's folder, as `compareFolder` says, and answers what `use` makes
 * of them. A pack that was made for this alone is gone afterwards.
 */
export async function onModelFolder<Answer>(
  folder: string,
  { model, checkpoint, types, attention, activations, ...options }: FolderFiles,
  use: (packed: string, weights: string, evaluation: string) => Promise<Answer>,
): Promise<Answer> {
  const names = await namesIn(folder);
  const images = join(folder, named(folder, names, EVALUATION_SETS, "has no evaluation set"));
  const weights =
    checkpoint ??
    join(
      folder,
      only(folder, names, (name) => CHECKPOINTS.has(extname(name)), "a checkpoint", CHECKPOINT),
    );
  const packed = model ?? packIn(folder, names);
  if (packed !== undefined) {
    if (types === undefined && attention === undefined && activations === undefined)
      return use(packed, weights, images);
    const message = `${basename(packed)} is packed already`;
    throw new InputError({
      code: "MODEL_FOLDER",
      source: packed,
      message,
      expected: "no --type, --attention or --activations, or a folder without a pack",
    });
  }
  const config =
    options.config ?? join(folder, named(folder, names, [CONFIG], "has no configuration to pack the checkpoint with"));
  const scratch = await mkdtemp(join(tmpdir(), "synapse-compare-"));
  try {
    const output = join(scratch, `${basename(resolve(folder))}${PACK}`);
    const { signal, onProgress, stateDict, prefix } = options;
    const callbacks = { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) };
    await packCheckpoint({
      checkpoint: weights,
      config,
      types,
      attention,
      activations,
      stateDict,
      prefix,
      golden: false,
      output,
      ...callbacks,
    });
    return await use(output, weights, images);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

export interface ModelFolder {
  readonly checkpoint: string;
  readonly config: string;
  /** Undefined where the folder has none. */
  readonly evaluation: string | undefined;
}

/** What is in a model's folder. Rejects with an InputError `MODEL_FOLDER` without checkpoint or configuration. */
export async function openModelFolder(folder: string): Promise<ModelFolder> {
  const names = await namesIn(folder);
  const fits = (name: string) => CHECKPOINTS.has(extname(name));
  const evaluation = EVALUATION_SETS.find((name) => names.includes(name));
  return {
    checkpoint: join(folder, only(folder, names, fits, "a checkpoint", CHECKPOINT)),
    config: join(folder, named(folder, names, [CONFIG], "has no configuration")),
    evaluation: evaluation && join(folder, evaluation),
  };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    throw fileError(folder, "a model's folder, such as models/lewm-tworoom", error as NodeJS.ErrnoException);
  }
}

function packIn(folder: string, names: readonly string[]): string | undefined {
  const isPack = (name: string) => extname(name) === PACK;
  return names.some(isPack) ? join(folder, only(folder, names, isPack, "a pack")) : undefined;
}

function named(folder: string, names: readonly string[], wanted: readonly string[], message: string): string {
  const found = wanted.find((name) => names.includes(name));
  if (found !== undefined) return found;
  throw new InputError({ code: "MODEL_FOLDER", source: folder, message, expected: wanted.join(" or ") });
}

/** The one file of its kind, or the one of several with the usual name. */
function only(
  folder: string,
  names: readonly string[],
  fits: (name: string) => boolean,
  what: string,
  usual?: string,
): string {
  const found = names.filter(fits);
  const one = found.length === 1 ? found[0] : found.find((name) => name === usual);
  if (one !== undefined) return one;
  const message =
    found.length === 0 ? `has no file that is ${what}` : `has several files that may be ${what}: ${found.join(", ")}`;
  const expected = usual ?? "one, or its name on the command line";
  throw new InputError({ code: "MODEL_FOLDER", source: folder, message, expected });
}
