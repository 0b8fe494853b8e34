import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InputError } from "synapse-engine/errors";
import type { Quantisation } from "../checkpoint/checkpoint.js";
import { type Checkpoint, openCheckpoint } from "../checkpoint/index.js";
import { readQuantisation } from "../checkpoint/quantisation.js";
import { readJsonInput } from "../files/readInput.js";

/** Files beside weights that say how 8-bit floats were made; the second is ModelOpt's. */
const FILES = ["config.json", "hf_quant_config.json"] as const;
const BYTES_MAX = 16_000_000;

/**
 * Opens a checkpoint whose weights are to be read (or takes one that is open, which stays open), with what the files
 * beside it say of the factors of its 8-bit floats. Rejects with the reader's InputErrors, and `WEIGHT_SCALE` where
 * those files say what is not known.
 */
export async function openWeights(given: string | Checkpoint): Promise<Checkpoint> {
  if (typeof given !== "string") return withQuantisation(given);
  const checkpoint = await openCheckpoint(given);
  try {
    return await withQuantisation(checkpoint);
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

async function withQuantisation(checkpoint: Checkpoint): Promise<Checkpoint> {
  const all = [checkpoint.tensors, ...(checkpoint.stateDicts?.values() ?? [])];
  if (!all.some((tensors) => [...tensors.values()].some(({ dtype }) => dtype.startsWith("F8_E")))) return checkpoint;
  const folder = await folderOf(checkpoint.path);
  if (folder === undefined) return checkpoint;
  let quantisation: Quantisation | undefined;
  for (const file of FILES)
    quantisation ??= readQuantisation(await readBeside(join(folder, file)), checkpoint.path, file);
  return quantisation === undefined ? checkpoint : { ...checkpoint, quantisation };
}

/** The folder of a checkpoint on the disk. */
export async function folderOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && (found.isDirectory() ? path : dirname(path));
}

/** A file that may be there. What cannot be read is told where the metadata are held against the config. */
async function readBeside(path: string): Promise<unknown> {
  return readJsonInput(path, "a JSON file", BYTES_MAX).catch((error: unknown) => {
    if (!(error instanceof InputError)) throw error;
    return undefined;
  });
}
