import { join } from "node:path";
import { InputError } from "synapse-engine/errors";
import type { Checkpoint } from "../checkpoint/index.js";
import type { ModelConfig } from "../config/configSchema.js";
import { readJsonInput } from "../files/readInput.js";
import { type Contradiction, checkPart, type MetadataCheck } from "../metadata/checkMetadata.js";
import { type DescribedPart, transformerParts } from "../metadata/describedParts.js";
import { ggufFacts } from "../metadata/ggufFacts.js";
import { hasRowTower, huggingFaceFacts, isHuggingFaceConfig, preprocessorFacts } from "../metadata/huggingFaceFacts.js";
import type { ModelFacts, ReadFacts } from "../metadata/modelFacts.js";
import type { MetadataReport } from "../report/metadataReport.js";
import { folderOf } from "./openWeights.js";

const CONFIG = "config.json";
const PREPROCESSOR = "preprocessor_config.json";
const BYTES_MAX = 16_000_000;

/**
 * Holds a config against what is said of the model beside its weights: `config.json` and `preprocessor_config.json` of
 * a Hugging Face folder, or of the folder that a file is in, or the key/values of a GGUF. Rejects with an InputError
 * `METADATA_CONTRADICTS` that names both sides, unless `ignoreBecause` says why that is right.
 */
export async function checkMetadata(
  checkpoint: Pick<Checkpoint, "path" | "format" | "metadata">,
  config: ModelConfig,
  configSource: string,
  ignoreBecause: string | undefined,
): Promise<MetadataReport> {
  const parts = transformerParts(config);
  const { sources, reads, rowReads } = await readFacts(checkpoint, parts.pictures.length > 0);
  const unknown = [...reads, ...rowReads].flatMap((read) => read.unknown);
  const held =
    sources.length === 0
      ? []
      : [...holdAll(reads, mainParts(parts), configSource), ...holdOthers(rowReads, parts.rows, configSource)];
  const names = held.map(({ name }) => name);
  const contradictions = held.flatMap((check) => check.contradictions);
  if (contradictions.length > 0 && ignoreBecause === undefined) throw contradicts(checkpoint.path, contradictions);
  return {
    sources,
    parts: names,
    checked: distinct(held.flatMap(({ checked }) => checked)),
    unchecked: distinct([
      ...unknown,
      ...held.flatMap(({ unchecked }) => unchecked),
      ...(names.length > 0 ? undescribed(Object.keys(config.parts).filter((name) => !names.includes(name))) : []),
    ]),
    contradictions,
    ignoredBecause: contradictions.length > 0 ? (ignoreBecause ?? null) : null,
  };
}

type Parts = ReturnType<typeof transformerParts>;
type Held = MetadataCheck & { readonly name: string };

/** The parts that the metadata of a model are of: of one that takes pictures those that do, else those of rows. */
const mainParts = ({ pictures, rows }: Parts): readonly DescribedPart[] => (pictures.length > 0 ? pictures : rows);
const distinct = (items: readonly string[]): string[] => [...new Set(items)];
const factsOf = (reads: readonly ReadFacts[]): ModelFacts => Object.assign({}, ...reads.map((read) => read.facts));

/** Holds metadata against every part that has the size they say; where none has, against the one that comes closest. */
function holdAll(reads: readonly ReadFacts[], parts: readonly DescribedPart[], configSource: string): Held[] {
  const facts = factsOf(reads);
  const checks = parts.map(({ name, part, rows }) => ({
    name,
    part,
    ...checkPart(facts, name, part, configSource, rows),
  }));
  const described = checks.filter(({ part }) => hasSizeOf(facts, part));
  if (described.length > 0) return described;
  return checks.sort((a, b) => a.contradictions.length - b.contradictions.length).slice(0, 1);
}

/** Metadata of a tower beside the one that takes pictures are of a part only if it has its size. */
function holdOthers(reads: readonly ReadFacts[], parts: readonly DescribedPart[], configSource: string): Held[] {
  const facts = factsOf(reads);
  const described = reads.length === 0 ? [] : parts.filter(({ part }) => hasSizeOf(facts, part));
  return described.map(({ name, part, rows }) => ({ name, ...checkPart(facts, name, part, configSource, rows) }));
}

function hasSizeOf({ width, layers }: ModelFacts, part: DescribedPart["part"]): boolean {
  return (width?.value ?? part.width) === part.width && (layers?.value ?? part.layers) === part.layers;
}

function undescribed(names: readonly string[]): string[] {
  return names.length === 0
    ? []
    : [`${names.map((name) => `parts.${name}`).join(", ")}, of which the metadata say nothing`];
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
): Promise<{ sources: string[]; reads: ReadFacts[]; rowReads: ReadFacts[] }> {
  const sources: string[] = [];
  const reads: ReadFacts[] = [];
  // Of a tower that takes rows, where another takes pictures.
  const rowReads: ReadFacts[] = [];
  const add = (source: string, read: ReadFacts) => {
    sources.push(source);
    reads.push(read);
  };
  if (format === "gguf") {
    add("GGUF", ggufFacts(metadata));
    return { sources, reads, rowReads };
  }
  const folder = await folderOf(path);
  if (folder === undefined) return { sources, reads, rowReads };
  const whole = metadata.config ?? (await readBeside(join(folder, CONFIG), reads));
  // What preprocesses pictures belongs to a Hugging Face model; a file of that name elsewhere says nothing.
  if (!isHuggingFaceConfig(whole)) return { sources, reads, rowReads };
  const preprocessor = pictures ? await readBeside(join(folder, PREPROCESSOR), reads) : undefined;
  // Of an image size that both name the model's own counts: positions are stretched to the one that pictures are
  // usually cut to.
  if (typeof preprocessor === "object" && preprocessor !== null)
    add(PREPROCESSOR, preprocessorFacts(preprocessor as Record<string, unknown>, PREPROCESSOR));
  add(CONFIG, huggingFaceFacts(whole, pictures, CONFIG));
  if (pictures && hasRowTower(whole)) rowReads.push({ ...huggingFaceFacts(whole, false, CONFIG), unknown: [] });
  return { sources, reads, rowReads };
}

/** A file that may be there. One that cannot be read is no reason to refuse weights that can. */
async function readBeside(path: string, reads: ReadFacts[]): Promise<unknown> {
  try {
    return await readJsonInput(path, "a JSON file", BYTES_MAX);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    if (error.code !== "FILE_ENOENT")
      reads.push({ facts: {}, unknown: [`what ${path} says: it cannot be read [${error.code}]`] });
    return undefined;
  }
}
