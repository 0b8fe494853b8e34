import { InputError } from "synapse-engine/errors";
import { PANEL, type StorageTypeName, storageTypeNames } from "../format/types.js";
import { storageTypes } from "./types/index.js";

/**
 * Rows shorter than this are a few hundred bytes, which int8 would not make smaller and whose inputs (raw actions) it
 * would coarsen.
 */
export const TINY_K = 32;

export interface TypeRule {
  readonly pattern: string;
  readonly type: StorageTypeName;
}

/**
 * Which storage type each linear weight gets: the first rule whose pattern matches one of its names, else the default.
 */
export interface TypePolicy {
  readonly default: StorageTypeName;
  readonly rules: readonly TypeRule[];
}

/** What a linear layer reads: what other layers computed, an image's values, or inputs that it standardises itself. */
export type LayerInputs = "activations" | "pixels" | "raw";

export interface TypeChoice {
  readonly type: StorageTypeName;
  /** Why it is not the type asked for, when it is not. */
  readonly fallback?: string;
}

/**
 * Parses `--type`: a default type and rules, e.g. `i8`, `i8,encoder.*=q8_0,*.adaLN*=f16`. `*` matches any characters,
 * `?` one. Without a default it is `i8`. Throws `TYPE_UNKNOWN` or `TYPE_SYNTAX`.
 */
export function parseTypePolicy(text: string, source = "--type"): TypePolicy {
  const rules: TypeRule[] = [];
  let chosen: StorageTypeName | undefined;
  for (const item of text.split(",").map((part) => part.trim())) {
    const equals = item.lastIndexOf("=");
    if (equals < 0) {
      if (chosen !== undefined) throw syntax(source, item, `a second default type after "${chosen}"`);
      chosen = parseType(item, source);
    } else if (equals === 0) {
      throw syntax(source, item, "a rule without a pattern");
    } else {
      rules.push({ pattern: item.slice(0, equals).trim(), type: parseType(item.slice(equals + 1).trim(), source) });
    }
  }
  return { default: chosen ?? "i8", rules };
}

/** Checks one type's name. Throws `TYPE_UNKNOWN`. */
export function parseType(text: string, source: string): StorageTypeName {
  const name = storageTypeNames.find((candidate) => candidate === text.toLowerCase());
  if (name !== undefined) return name;
  throw new InputError({
    code: "TYPE_UNKNOWN",
    source,
    message: `"${text}" is not a storage type`,
    expected: `one of ${storageTypeNames.join(", ")}`,
  });
}

function syntax(source: string, item: string, message: string): InputError {
  return new InputError({
    code: "TYPE_SYNTAX",
    source,
    where: `"${item}"`,
    message,
    expected: "one default type and any number of pattern=type rules, separated by commas",
  });
}

/** Whether `*` and `?` of a pattern can stand for the rest of a name. */
export function globMatches(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (p < pattern.length && pattern[p] === "*") {
      star = p++;
      resume = n;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++resume;
    } else return false;
  }
  while (p < pattern.length && pattern[p] === "*") p++;
  return p === pattern.length;
}

/**
 * The storage type of a linear weight `[n, k]`. `names` are its name in the pack and the checkpoint tensors it is made
 * of. A rule's type is obeyed. The default falls back to i8 where filling rows up to whole blocks would take more, or
 * would put what reads pixels into fewer bits: of all layers it bears that least, and it is small. It falls back to f32
 * for tiny rows and where raw inputs are standardised in the layer itself: their means may be many deviations, of which
 * int8 would leave nothing.
 */
export function chooseType(
  policy: TypePolicy,
  names: readonly string[],
  k: number,
  inputs: LayerInputs = "activations",
): TypeChoice {
  const rule = policy.rules.find(({ pattern }) => names.some((name) => globMatches(pattern, name)));
  if (rule !== undefined) return { type: rule.type };
  const type = storageTypes[policy.default];
  if (k < TINY_K && type.integer) return { type: "f32", fallback: `rows of ${k} weights, fewer than ${TINY_K}` };
  if (inputs === "raw" && type.integer)
    return { type: "f32", fallback: "inputs as they come, which are standardised in the layer" };
  if (k % type.kMultiple !== 0 && type.bytes(PANEL, k) >= storageTypes.i8.bytes(PANEL, k))
    return {
      type: "i8",
      fallback: `rows of ${k} weights, which filled up to a multiple of ${type.kMultiple} take more`,
    };
  if (k % type.kMultiple !== 0 && inputs === "pixels" && type.bits < storageTypes.i8.bits)
    return { type: "i8", fallback: `rows of ${k} weights for pixels, no multiple of ${type.kMultiple}` };
  return { type: policy.default };
}

/** Rules that matched none of the names: most likely a misspelt pattern. */
export function unusedRules(policy: TypePolicy, names: readonly (readonly string[])[]): TypeRule[] {
  return policy.rules.filter(({ pattern }) => !names.some((all) => all.some((name) => globMatches(pattern, name))));
}
