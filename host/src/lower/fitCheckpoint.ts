import { InputError } from "synapse-engine/errors";
import type { Checkpoint, CheckpointTensor } from "../checkpoint/checkpoint.js";
import { parseTypePolicy } from "../compress/policy.js";
import type { ModelConfig } from "../config/configSchema.js";
import { quote } from "../files/inputError.js";
import { lower } from "./lower.js";
import type { WeightFile } from "./weightSource.js";

/** What of a checkpoint a config is to be filled from, where the user says it. */
export interface WeightChoice {
  /** Dotted path of a dict in a torch file. */
  readonly stateDict?: string | undefined;
  /** What all names begin with and the config leaves out. */
  readonly prefix?: string | undefined;
}

/** Which weights of a checkpoint were taken. */
export interface WeightsReport {
  /** Dotted path of the dict in a torch file, "" for the whole of it; null where a format has no dicts. */
  readonly stateDict: string | null;
  /** The dict that would have been taken if it fitted the config; absent when it was taken, or the user chose. */
  readonly insteadOf?: string;
  /** What was taken away from the beginning of the names. */
  readonly prefix: string;
  /** Words of wrappers that were taken out of the names. */
  readonly wrappers: readonly string[];
  /** Other dicts of the file with tensors. `fits`: the config could be filled from it just as well. */
  readonly left: readonly { readonly stateDict: string; readonly tensors: number; readonly fits: boolean }[];
}

type Tensors = ReadonlyMap<string, CheckpointTensor>;

/**
 * Words that wrappers put into names wherever they wrap: torch.compile, (Distributed)DataParallel, FSDP, activation
 * checkpointing.
 */
const WRAPPER_WORDS: ReadonlySet<string> = new Set([
  "_orig_mod",
  "module",
  "_fsdp_wrapped_module",
  "_checkpoint_wrapped_module",
]);
const HAS_WRAPPER_WORD = new RegExp(`(^|\\.)(${[...WRAPPER_WORDS].join("|")})(\\.|$)`);
/** How training code calls the averages of weights that are often the better ones. */
const AVERAGE = /(^|[._])(ema|swa|averaged?|shadow)([._]|$)/i;
const PREFIX_SEGMENTS_MAX = 4;
const PREFIXES_MAX = 24;

/**
 * The checkpoint as a config can be filled from it: the state_dict among those of a torch file, and the prefix of all
 * names, with which every key of the config is found. The usual dict and names as they are come first, so that a
 * checkpoint that fits as it is stays as it is; where nothing fits it is answered unchanged, or without what all its
 * names begin with when all are found then, and lowering says what is wrong. Throws InputError `STATE_DICT_UNKNOWN` or
 * `PREFIX_UNKNOWN` for a choice that is not there, `STATE_DICT_AMBIGUOUS` or `PREFIX_AMBIGUOUS` where the user has to
 * choose.
 */
export function fitCheckpoint(
  checkpoint: Checkpoint,
  config: ModelConfig,
  configSource: string,
  choice: WeightChoice = {},
): { readonly checkpoint: Checkpoint; readonly weights: WeightsReport } {
  const fits = (tensors: Tensors) => fillable({ ...checkpoint, tensors }, config, configSource);
  const dicts = candidates(checkpoint, choice.stateDict);
  const found =
    choice.prefix === undefined ? search(dicts, fits) : withPrefix(checkpoint.path, dicts, choice.prefix, fits);
  const [first] = dicts as [[string | null, Tensors]];
  if (found !== undefined && found.rivals.length > 0)
    throw ambiguous(
      checkpoint.path,
      "PREFIX_AMBIGUOUS",
      "names that begin with",
      [found.prefix, ...found.rivals],
      "--prefix",
    );
  const near = found === undefined ? nearest(first[1], fits) : undefined;
  const { stateDict, prefix, wrappers, tensors } = found ?? {
    stateDict: first[0],
    ...(near ?? { prefix: "", wrappers: [], tensors: first[1] }),
  };
  const left = leftOut(checkpoint, stateDict, fits);
  const rivals = left.filter(({ fits: alike }) => alike).map(({ stateDict: path }) => path);
  // Under its usual name a state_dict is what was meant, and that others fit is said; among others nothing tells which.
  if (
    found !== undefined &&
    choice.stateDict === undefined &&
    stateDict !== checkpoint.stateDict &&
    stateDict !== null &&
    rivals.length > 0
  )
    throw ambiguous(checkpoint.path, "STATE_DICT_AMBIGUOUS", "the dicts under", [stateDict, ...rivals], "--state-dict");
  const usual = choice.stateDict === undefined && stateDict !== checkpoint.stateDict ? checkpoint.stateDict : undefined;
  const weights = { stateDict, ...(usual === undefined ? {} : { insteadOf: usual }), prefix, wrappers, left };
  return { checkpoint: { ...checkpoint, tensors }, weights };
}

function ambiguous(
  source: string,
  code: string,
  what: string,
  candidates: readonly string[],
  option: string,
): InputError {
  return new InputError({
    code,
    source,
    message: `the config can be filled from ${what} ${candidates.map(quote).join(" and ")}`,
    expected: `${option} with one of them`,
  });
}

function candidates(checkpoint: Checkpoint, wanted: string | undefined): (readonly [string | null, Tensors])[] {
  const { stateDicts = new Map<string, Tensors>(), stateDict } = checkpoint;
  if (wanted !== undefined) {
    const tensors = stateDicts.get(wanted);
    if (tensors !== undefined) return [[wanted, tensors]];
    throw new InputError({
      code: "STATE_DICT_UNKNOWN",
      source: checkpoint.path,
      message: `it has no dict with tensors under ${quote(wanted)}`,
      expected: stateDicts.size === 0 ? "a torch file: other formats have no dicts" : dictList([...stateDicts.keys()]),
    });
  }
  if (stateDict === undefined) return [[null, checkpoint.tensors]];
  const others = [...stateDicts].filter(([path]) => path !== stateDict);
  return [[stateDict, checkpoint.tensors], ...others];
}

/** The dotted paths that can be chosen; the empty one says what it means. */
function dictList(paths: readonly string[]): string {
  const named = paths.filter((path) => path !== "").map(quote);
  if (!paths.includes("")) return named.join(", ");
  return [...named, `${named.length === 0 ? "" : "or "}"" for the whole file`].join(", ");
}

/** Tensors under other names than the file has, and what was done to them. */
interface Renamed {
  readonly prefix: string;
  readonly wrappers: readonly string[];
  readonly tensors: Tensors;
}
/** `rivals`: other prefixes of the same dict with which the config is filled just as exactly. */
type Found = Renamed & { readonly stateDict: string | null; readonly rivals: readonly string[] };

/**
 * All dicts with their names as they are, then with prefixes taken away; with tensors to spare only where nothing fits
 * exactly.
 */
function search(
  dicts: readonly (readonly [string | null, Tensors])[],
  fits: (tensors: Tensors) => Fit,
): Found | undefined {
  let loose: Found | undefined;
  for (const renamed of [false, true]) {
    for (const [stateDict, tensors] of dicts) {
      const exact: Renamed[] = [];
      for (const names of renamed ? renamings(tensors) : [{ prefix: "", wrappers: [], tensors }]) {
        const fit = fits(names.tensors);
        if (fit === "exact") exact.push(names);
        if (fit === "loose") loose ??= { stateDict, ...names, rivals: [] };
      }
      const [first, ...others] = exact;
      if (first !== undefined) return { stateDict, ...first, rivals: others.map(({ prefix }) => prefix) };
    }
    if (loose !== undefined) return loose;
  }
  return undefined;
}

/**
 * Other names with which nothing is missing, for a config that is wrong in something else: to say that, and not that
 * every tensor is missing.
 */
function nearest(tensors: Tensors, fits: (tensors: Tensors) => Fit): Renamed | undefined {
  if (fits(tensors) === "near") return undefined;
  const bare = [...(unwrapped(tensors)?.tensors ?? tensors).keys()];
  for (const names of renamings(tensors)) {
    if (bare.every((name) => name.startsWith(names.prefix)) && fits(names.tensors) === "near") return names;
  }
  return undefined;
}

function withPrefix(
  source: string,
  dicts: readonly (readonly [string | null, Tensors])[],
  prefix: string,
  fits: (tensors: Tensors) => Fit,
): Found {
  const having = dicts.filter(([, tensors]) => [...tensors.keys()].some((name) => name.startsWith(prefix)));
  const [first] = having;
  if (first === undefined) {
    throw new InputError({
      code: "PREFIX_UNKNOWN",
      source,
      where: "--prefix",
      message: `no tensor's name begins with ${quote(prefix)}`,
      expected: `the beginning of names such as ${[...(dicts[0]?.[1].keys() ?? [])].slice(0, 3).map(quote).join(", ")}`,
    });
  }
  const renamed = having.map(([stateDict, tensors]) => ({
    stateDict,
    prefix,
    wrappers: [],
    tensors: new WithoutPrefix(tensors, prefix),
    rivals: [],
  }));
  return renamed.find(({ tensors }) => ["exact", "loose"].includes(fits(tensors))) ?? (renamed[0] as Found);
}

/** Names without the words of wrappers, and without each of their common beginnings. */
function* renamings(tensors: Tensors): Iterable<Renamed> {
  const plain = unwrapped(tensors);
  if (plain !== undefined) yield plain;
  const { wrappers, tensors: base } = plain ?? { wrappers: [], tensors };
  for (const prefix of beginnings(base)) yield { prefix, wrappers, tensors: new WithoutPrefix(base, prefix) };
}

/** What the first names begin with. */
function beginnings(tensors: Tensors): ReadonlySet<string> {
  const prefixes = new Set<string>();
  for (const name of tensors.keys()) {
    const segments = name.split(".");
    for (let count = 1; count <= Math.min(PREFIX_SEGMENTS_MAX, segments.length - 1); count++) {
      if (prefixes.size === PREFIXES_MAX) return prefixes;
      prefixes.add(`${segments.slice(0, count).join(".")}.`);
    }
  }
  return prefixes;
}

/**
 * The same tensors without wrappers' words in their names, or undefined when none has any or two would be called the
 * same.
 */
function unwrapped(tensors: Tensors): Renamed | undefined {
  if (![...tensors.keys()].some((name) => HAS_WRAPPER_WORD.test(name))) return undefined;
  const wrappers = new Set<string>();
  const renamed = new Map<string, CheckpointTensor>();
  for (const [name, tensor] of tensors) {
    if (!HAS_WRAPPER_WORD.test(name)) {
      renamed.set(name, tensor);
      continue;
    }
    const segments = name.split(".");
    for (const segment of segments) if (WRAPPER_WORDS.has(segment)) wrappers.add(segment);
    renamed.set(segments.filter((segment) => !WRAPPER_WORDS.has(segment)).join("."), tensor);
  }
  if (wrappers.size === 0 || renamed.size !== tensors.size) return undefined;
  return { prefix: "", wrappers: [...wrappers], tensors: renamed };
}

/**
 * Names that begin with the prefix lose it; what has another name keeps it, unless one is called so now. A name is
 * looked up as it was: a file may have names by the hundred thousand, and most prefixes are tried in vain.
 */
class WithoutPrefix implements ReadonlyMap<string, CheckpointTensor> {
  readonly #tensors: Tensors;
  readonly #prefix: string;
  #renamed: Tensors | undefined;

  constructor(tensors: Tensors, prefix: string) {
    this.#tensors = tensors;
    this.#prefix = prefix;
  }

  get(name: string): CheckpointTensor | undefined {
    return (
      this.#tensors.get(this.#prefix + name) ?? (name.startsWith(this.#prefix) ? undefined : this.#tensors.get(name))
    );
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  get size(): number {
    return this.#all().size;
  }

  keys(): MapIterator<string> {
    return this.#all().keys();
  }

  values(): MapIterator<CheckpointTensor> {
    return this.#all().values();
  }

  entries(): MapIterator<[string, CheckpointTensor]> {
    return this.#all().entries();
  }

  [Symbol.iterator](): MapIterator<[string, CheckpointTensor]> {
    return this.entries();
  }

  forEach(call: (tensor: CheckpointTensor, name: string, map: Tensors) => void): void {
    for (const [name, tensor] of this) call(tensor, name, this);
  }

  #all(): Tensors {
    this.#renamed ??= cut(this.#tensors, this.#prefix);
    return this.#renamed;
  }
}

function cut(tensors: Tensors, prefix: string): Tensors {
  const begins = [...tensors].filter(([name]) => name.startsWith(prefix));
  const renamed = new Map(begins.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  for (const [name, tensor] of tensors) if (!name.startsWith(prefix) && !renamed.has(name)) renamed.set(name, tensor);
  return renamed;
}

type Fit = "exact" | "loose" | "near" | "none";

/**
 * Whether lowering finds every tensor, in its shape; `loose` when the checkpoint has tensors that the config does not
 * use, `near` when it is not for a tensor's want that lowering fails.
 */
function fillable(checkpoint: WeightFile, config: ModelConfig, configSource: string): Fit {
  try {
    lower({ config, configSource, checkpoint, policy: parseTypePolicy("f32"), suggestNames: false });
    return "exact";
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    // A scale that cannot be applied is said by whoever compiles: the names are the right ones.
    if (["WEIGHT_EXTRA", "WEIGHT_SCALE"].includes(error.code)) return "loose";
    // A config that is wrong in itself fits nothing; whoever compiles it says why.
    return error.code === "WEIGHT_MISSING" ? "none" : "near";
  }
}

/** Dicts beside the one that was taken: neither it nor what it is part of or made of. */
function leftOut(checkpoint: Checkpoint, taken: string | null, fits: (tensors: Tensors) => Fit): WeightsReport["left"] {
  if (taken === null || checkpoint.stateDicts === undefined) return [];
  const related = (path: string) =>
    path === taken || path === "" || taken === "" || path.startsWith(`${taken}.`) || taken.startsWith(`${path}.`);
  const others = [...checkpoint.stateDicts].filter(([path]) => !related(path));
  // A dict of dicts says nothing that they do not.
  const lowest = others.filter(([path]) => !others.some(([other]) => other.startsWith(`${path}.`)));
  return lowest.map(([stateDict, tensors]) => ({
    stateDict,
    tensors: tensors.size,
    fits: search([[stateDict, tensors]], fits) !== undefined,
  }));
}

/** What people are told of the choice: nothing when a checkpoint was taken as it is and there was nothing else. */
export function weightNotes({ stateDict, insteadOf, prefix, wrappers, left }: WeightsReport): string[] {
  const notes: string[] = [];
  if (wrappers.length > 0)
    notes.push(
      `names in the checkpoint contain ${wrappers.map(quote).join(" and ")}, of a wrapper, which was taken out`,
    );
  if (prefix !== "") notes.push(`names in the checkpoint begin with ${quote(prefix)}, which the config leaves out`);
  if (stateDict !== null && insteadOf !== undefined) {
    const others =
      insteadOf === ""
        ? "the file as a whole does not fit the config"
        : `those under ${quote(insteadOf)} do not fit the config`;
    notes.push(
      `weights are ${stateDict === "" ? "those of the whole file" : `those under ${quote(stateDict)}`}: ${others}`,
    );
  }
  const averages = left
    .filter(({ stateDict: path, fits }) => !fits && AVERAGE.test(path))
    .map(({ stateDict: path }) => quote(path));
  if (stateDict !== null && averages.length > 0)
    notes.push(
      `${averages.join(", ")}, by the name an average of the weights, was left: its names or shapes are not the ` +
        "config's",
    );
  const also = left.filter(({ fits }) => fits).map(({ stateDict: path }) => quote(path));
  if (stateDict !== null && also.length > 0) {
    notes.push(
      `weights are those under ${quote(stateDict)}; ${also.join(", ")} would fit as well: --state-dict chooses`,
    );
  }
  return notes;
}
