import { inputError, quote } from "../files/inputError.js";
import { PickleInert } from "./pickle.js";
import { concerns, isActivationScale, moduleOf, SCALE_WORD, scaledNames, scaleNames } from "./scaleNames.js";
import { type PlainNumbers, TorchView } from "./torchGlobals.js";

type Dict = ReadonlyMap<unknown, unknown>;
type Tensors = Map<string, TorchView | PlainNumbers>;

/** How training code calls the scales of another dict's tensors; others end so, and may be of something else. */
const SCALES = /^((weight|fp8|float8)_)?scales?(_inv)?$/i;
const ENDS_AS_SCALES = /scales?(_inv)?$/i;
const DEPTH_MAX = 6;
// A dict may stand in many places, and each place counts.
const ITEMS_MAX = 1 << 22;

/** What is looked at for one file. */
interface Search {
  readonly source: string;
  items: number;
}

/**
 * Adds to each state_dict that has 8-bit floats the factors of them that are no tensors in it: Python numbers in the
 * same dict, and what a dict of scales in it or beside it says. As tensors they are applied, or named as those that the
 * config does not use.
 * @throws InputError TORCH_SCALE for a scale that is neither a number, a list of numbers nor a tensor;
 * TORCH_TOO_MANY_NAMES
 */
export function addScales(source: string, root: Dict, dicts: ReadonlyMap<string, Tensors>): void {
  const search: Search = { source, items: 0 };
  for (const [path, tensors] of dicts) {
    if (![...tensors.values()].some(isFloat8)) continue;
    const steps = path === "" ? [] : path.split(".");
    const chain = dictsTo(root, steps);
    for (const [at, dict] of chain.entries()) {
      for (const [key, item] of counted(search, dict)) {
        if (typeof key !== "string" || key === steps[at] || !ENDS_AS_SCALES.test(key)) continue;
        if (item instanceof Map) addDict(search, key, item, tensors);
        else if (SCALES.test(key) && isScale(item) && !tensors.has(key)) tensors.set(key, scaleOf(search, key, item));
      }
    }
    addNumbers(search, chain.at(-1) as Dict, tensors);
  }
}

function* counted(search: Search, dict: Dict): Iterable<readonly [unknown, unknown]> {
  for (const entry of dict) {
    if (++search.items > ITEMS_MAX) {
      throw inputError(
        search.source,
        "TORCH_TOO_MANY_NAMES",
        "its dicts name too many values, each place of each counted",
        {
          where: "data.pkl",
          expected: `at most ${ITEMS_MAX}`,
        },
      );
    }
    yield entry;
  }
}

/** What stands in the dict and in those below, with names as tensors there have. */
function* flat(search: Search, dict: Dict, before = "", depth = 0): Iterable<readonly [name: string, item: unknown]> {
  if (depth > DEPTH_MAX) return;
  for (const [key, item] of counted(search, dict)) {
    if (typeof key !== "string") continue;
    if (item instanceof Map) yield* flat(search, item, `${before}${key}.`, depth + 1);
    else yield [before + key, item];
  }
}

/** Names and sizes are texts, and what is not there or is a switch has no number. */
function isScale(item: unknown): boolean {
  return item !== null && typeof item !== "string" && typeof item !== "boolean";
}

function isFloat8(view: TorchView | PlainNumbers): boolean {
  return view instanceof TorchView && view.dtype.startsWith("F8_E") && view.dtype !== "F8_E8M0";
}

/** The dicts on the way down, from the root. */
function dictsTo(root: Dict, steps: readonly string[]): Dict[] {
  const chain = [root];
  for (const step of steps) {
    const next = chain.at(-1)?.get(step);
    if (!(next instanceof Map)) break;
    chain.push(next);
  }
  return chain;
}

/** Numbers of the dict and of those below that are by their name scales of its 8-bit floats. */
function addNumbers(search: Search, dict: Dict, tensors: Tensors): void {
  for (const [name, item] of flat(search, dict)) {
    if (SCALE_WORD.test(name) && isScale(item) && !tensors.has(name) && isOfFloat8(name, tensors))
      tensors.set(name, scaleOf(search, name, item));
  }
}

/**
 * Whether a name has to do with 8-bit floats by what it is called: as their scale, or as something else that corrects
 * them.
 */
function isOfFloat8(name: string, tensors: Tensors): boolean {
  if (isActivationScale(name)) return false;
  if (ownerOf(name, tensors) !== undefined) return true;
  const weight = moduleOf(name) === "" ? "weight" : `${moduleOf(name)}.weight`;
  return isFloat8At(weight, tensors) && concerns(name, weight);
}

/**
 * What a dict of scales says of the tensors, under the names that scales beside them have; what is of none of them
 * keeps its own.
 */
function addDict(search: Search, key: string, dict: Dict, tensors: Tensors): void {
  const entries = [...flat(search, dict)].filter(([, item]) => isScale(item));
  if (!SCALES.test(key) && entries.every(([name]) => ownerIn(name, tensors) === undefined)) return;
  for (const [name, item] of entries) {
    const full = `${key}.${name}`;
    const owner = ownerIn(name, tensors);
    tensors.delete(full);
    tensors.set(owner === undefined ? full : freeName(owner, full, tensors), scaleOf(search, full, item));
  }
}

/**
 * The 8-bit floats that an entry of a dict of scales is for: called as they are, as their module, or as their scale.
 */
function ownerIn(name: string, tensors: Tensors): string | undefined {
  return [name, `${name}.weight`].find((candidate) => isFloat8At(candidate, tensors)) ?? ownerOf(name, tensors);
}

/** Where there is a scale already the two are two, which lowering refuses by name. */
function freeName(owner: string, otherwise: string, tensors: Tensors): string {
  return scaleNames(owner).find((name) => !tensors.has(name)) ?? otherwise;
}

function isFloat8At(name: string, tensors: Tensors): boolean {
  const view = tensors.get(name);
  return view !== undefined && isFloat8(view);
}

/** The 8-bit floats that a scale of this name is for. */
function ownerOf(scale: string, tensors: Tensors): string | undefined {
  return scaledNames(scale).find((name) => isFloat8At(name, tensors));
}

function scaleOf({ source }: Search, name: string, item: unknown): TorchView | PlainNumbers {
  if (item instanceof TorchView) return item;
  if (typeof item === "number") return { shape: [], values: [item] };
  if (Array.isArray(item) && item.length > 0 && item.every((value) => typeof value === "number"))
    return { shape: [item.length], values: item as number[] };
  const what =
    item instanceof PickleInert
      ? `an object of Python, ${quote(item.name)}`
      : Array.isArray(item)
        ? "a list of other things"
        : `${item === null ? "None" : `a ${typeof item}`}`;
  throw inputError(source, "TORCH_SCALE", `the scale ${quote(name)} of 8-bit floats is ${what}`, {
    where: "data.pkl",
    expected: "a tensor or a number: torch.tensor(...) of it before saving",
  });
}
