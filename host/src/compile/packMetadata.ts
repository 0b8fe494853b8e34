import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InputError } from "synapse-engine/errors";
import type { Checkpoint } from "../checkpoint/index.js";
import type { ModelConfig } from "../config/configSchema.js";
import { readJsonInput } from "../files/readInput.js";
import { type Contradiction, checkPart, describedParts } from "../metadata/checkMetadata.js";
import { ggufFacts } from "../metadata/ggufFacts.js";
import { huggingFaceFacts, isHuggingFaceConfig, preprocessorFacts } from "../metadata/huggingFaceFacts.js";
import type { ReadFacts } from "../metadata/modelFacts.js";

const CONFIG = "config.json";
const PREPROCESSOR = "preprocessor_config.json";
const BYTES_MAX = 16_000_000;

/** What `pack` found beside the weights and what came of holding the config against it. */
export interface MetadataReport {
  /** The files that were understood, or "GGUF"; empty when there were none. */
  readonly sources: readonly string[];
  /** The part of the config that they were held against; null when there was nothing to hold. */
  readonly part: string | null;
  readonly checked: readonly string[];
  readonly unchecked: readonly string[];
  /** Only where the user said to go on: otherwise they are an error. */
  readonly contradictions: readonly Contradiction[];
  readonly ignoredBecause: string | null;
}

/**
 * Holds a config against what is said of the model beside its weights: `config.json` and `preprocessor_config.json` of a Hugging Face folder, or
 * of the folder that a file is in, or the key/values of a GGUF. Rejects with an InputError `METADATA_CONTRADICTS` that names both sides, unless
 * `ignoreBecause` says why that is right.
 */
export async function checkMetadata(
  checkpoint: Pick<Checkpoint, "path" | "format" | "metadata">,
  config: ModelConfig,
  configSource: string,
  ignoreBecause: string | undefined,
): Promise<MetadataReport> {
  const parts = describedParts(config);
  const none = { part: null, checked: [], contradictions: [], ignoredBecause: null };
  const pictures = parts.some(([, part]) => part.embedding.kind === "patches");
  const { sources, reads } = await readFacts(checkpoint, pictures);
  const unknown = reads.flatMap((read) => read.unknown);
  if (sources.length === 0 || parts.length === 0) return { ...none, sources, unchecked: unknown };
  // Of several towers alike the metadata are of the one that fits them best.
  const facts = Object.assign({}, ...reads.map((read) => read.facts)) as ReadFacts["facts"];
  const checks = parts.map(([name, part]) => ({ name, ...checkPart(facts, name, part, configSource) }));
  const best = checks.sort((a, b) => a.contradictions.length - b.contradictions.length)[0] as (typeof checks)[number];
  if (best.contradictions.length > 0 && ignoreBecause === undefined) throw contradicts(checkpoint.path, best.contradictions);
  return {
    sources,
    part: best.name,
    checked: best.checked,
    unchecked: [...unknown, ...best.unchecked],
    contradictions: best.contradictions,
    ignoredBecause: best.contradictions.length > 0 ? (ignoreBecause ?? null) : null,
  };
}

function contradicts(source: string, contradictions: readonly Contradiction[]): InputError {
  const points = contradictions.map(({ what, metadata, config }) => `${what}: ${metadata}, but ${config}`);
  return new InputError({
    code: "METADATA_CONTRADICTS",
    source,
    message: `the metadata beside the weights contradict the config; ${points.join("; ")}`,
    expected: 'a config that says the same, or --ignore-metadata "<why the config is right>"',
  });
}

async function readFacts(
  { path, format, metadata }: Pick<Checkpoint, "path" | "format" | "metadata">,
  pictures: boolean,
): Promise<{ sources: string[]; reads: ReadFacts[] }> {
  const sources: string[] = [];
  const reads: ReadFacts[] = [];
  const add = (source: string, read: ReadFacts) => {
    sources.push(source);
    reads.push(read);
  };
  if (format === "gguf") {
    add("GGUF", ggufFacts(metadata));
    return { sources, reads };
  }
  const folder = await folderOf(path);
  if (folder === undefined) return { sources, reads };
  const whole = metadata.config ?? (await readBeside(join(folder, CONFIG), reads));
  // What preprocesses pictures belongs to a Hugging Face model; a file of that name elsewhere says nothing.
  if (!isHuggingFaceConfig(whole)) return { sources, reads };
  const preprocessor = pictures ? await readBeside(join(folder, PREPROCESSOR), reads) : undefined;
  // Of an image size that both name the model's own counts: positions are stretched to the one that pictures are usually cut to.
  if (typeof preprocessor === "object" && preprocessor !== null)
    add(PREPROCESSOR, preprocessorFacts(preprocessor as Record<string, unknown>, PREPROCESSOR));
  add(CONFIG, huggingFaceFacts(whole, pictures, CONFIG));
  return { sources, reads };
}

/** The folder of a checkpoint on the disk. */
async function folderOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && (found.isDirectory() ? path : dirname(path));
}

/** A file that may be there. One that cannot be read is no reason to refuse weights that can. */
async function readBeside(path: string, reads: ReadFacts[]): Promise<unknown> {
  try {
    return await readJsonInput(path, "a JSON file", BYTES_MAX);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    if (error.code !== "FILE_ENOENT") reads.push({ facts: {}, unknown: [`what ${path} says: it cannot be read [${error.code}]`] });
    return undefined;
  }
}
