import { inputError, quote } from "../files/inputError.js";
import { PickleInert, PickleTuple } from "./pickle.js";
import { concerns, isActivationScale, moduleOf, SCALE_WORD, scaledNames, scaleNames, weightOf } from "./scaleNames.js";
import { dictOf, FactorSearch, isArrayLike, type Place } from "./torchFactorPlaces.js";
import { type PlainNumbers, TorchView } from "./torchGlobals.js";

type Dict = ReadonlyMap<unknown, unknown>;
type Tensors = Map<string, TorchView | PlainNumbers>;

/** How training code calls the scales of another dict's tensors; others end so, and may be of something else. */
const SCALES = /^((weight|fp8|float8)_)?scales?(_inv)?$/i;
const ENDS_AS_SCALES = /scales?(_inv)?$/i;

/** What is looked at for one state_dict. */
interface Search {
  readonly source: string;
  readonly looked: FactorSearch;
  readonly tensors: Tensors;
}

/**
 * Adds to each state_dict that has 8-bit floats the factors of them that are no tensors in it: Python numbers in the
 * same dict, and what a dict of scales anywhere in the file says. As tensors they are applied, or named as those that
 * the config does not use. Where some are left without a factor, all that could be one is added by its place, for
 * lowering to refuse.
 * @throws InputError TORCH_SCALE for a scale that is neither a number, a list of numbers nor a tensor;
 * TORCH_TOO_MANY_NAMES
 */
export function addScales(source: string, root: Dict, dicts: ReadonlyMap<string, Tensors>): void {
  const looked = new FactorSearch(source);
  let places: readonly Place[] | undefined;
  for (const [path, tensors] of dicts) {
    if (![...tensors.values()].some(isFloat8)) continue;
    places ??= looked.all(root);
    const search = { source, looked, tensors };
    const own = places.filter((place) => !isIn(path, fullOf(place)) && !isOfCopy(place, path, dicts));
    const rest = own.filter((place) => !addPlace(search, place, path));
    addNumbers(search, dictAt(root, path));
    if ([...tensors.keys()].some((name) => isUnscaled(name, tensors)))
      for (const place of rest) addUnknown(search, place, path);
  }
}

function fullOf({ within, key }: Place): string {
  return within === "" ? key : `${within}.${key}`;
}

/** Whether it is of another state_dict with the same weights, such as an average of them. */
function isOfCopy({ within }: Place, path: string, dicts: ReadonlyMap<string, Tensors>): boolean {
  const own = dicts.get(path) as Tensors;
  return [...dicts].some(
    ([other, tensors]) =>
      isIn(within, other) &&
      !isIn(path, other) &&
      !isIn(other, path) &&
      [...tensors].some(([name, view]) => isSame(own.get(name), view)),
  );
}

function isSame(one: TorchView | PlainNumbers | undefined, other: TorchView | PlainNumbers): boolean {
  return one !== undefined && one.shape.length > 1 && one.shape.join() === other.shape.join();
}

function isIn(path: string, above: string): boolean {
  return above === "" || path === above || path.startsWith(`${above}.`);
}

/** Adds what is a factor by its name and its place; answers whether it was one. */
function addPlace(search: Search, { within, key, item, named }: Place, path: string): boolean {
  if (!named || !ENDS_AS_SCALES.test(key)) return false;
  const dict = dictOf(item);
  if (dict !== undefined) return addDict(search, key, dict, path !== "" && within !== path && isIn(within, path));
  const { tensors } = search;
  if (!SCALES.test(key) || !isScale(item) || !isIn(path, within)) return false;
  if (!tensors.has(key)) tensors.set(key, scaleOf(search, key, item));
  return true;
}

/** Adds what could be a factor under the name of its place; within the state_dict itself tensors have theirs. */
function addUnknown(search: Search, { within, key, item, named }: Place, path: string): void {
  const { looked, tensors } = search;
  const inside = isIn(within, path);
  const from = inside && path !== "" ? within.slice(path.length + 1) : within;
  const full = from === "" ? key : `${from}.${key}`;
  if (named) {
    const dict = dictOf(item);
    for (const [name, each] of dict === undefined ? [[full, item] as const] : looked.flat(dict, `${full}.`))
      if (isScale(each) && !tensors.has(name)) tensors.set(name, scaleOf(search, name, each));
    return;
  }
  // Under some other name a number is suspicious only where it is called as the weight is.
  const owner = inside ? undefined : ownerIn(key, tensors);
  if (owner === undefined || !isUnscaled(owner, tensors) || !isSmaller(item, tensors.get(owner))) return;
  tensors.set(`${full}.scale`, scaleOf(search, full, item));
}

function isSmaller(item: unknown, weight: TorchView | PlainNumbers | undefined): boolean {
  const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
  return !(item instanceof TorchView) || (weight !== undefined && count(item.shape) < count(weight.shape));
}

/** A matrix of 8-bit floats without a scale. */
function isUnscaled(name: string, tensors: Tensors): boolean {
  const view = tensors.get(name);
  if (view === undefined || !isFloat8(view) || view.shape.length < 2) return false;
  return !scaleNames(weightOf(name)).some((scale) => tensors.has(scale));
}

/** Names and sizes are texts, and what is not there or is a switch has no number. */
function isScale(item: unknown): boolean {
  return item !== null && typeof item !== "string" && typeof item !== "boolean";
}

function isFloat8(view: TorchView | PlainNumbers): boolean {
  return view instanceof TorchView && view.dtype.startsWith("F8_E") && view.dtype !== "F8_E8M0";
}

function dictAt(root: Dict, path: string): Dict {
  let dict = root;
  for (const step of path === "" ? [] : path.split(".")) {
    const next = dict.get(step);
    if (!(next instanceof Map)) break;
    dict = next;
  }
  return dict;
}

/** Numbers of the dict and of those below that are by their name scales of its 8-bit floats. */
function addNumbers(search: Search, dict: Dict): void {
  const { looked, tensors } = search;
  for (const [name, item] of looked.flat(dict)) {
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
 * keeps its own. Answers whether the dict is one of scales of these tensors.
 */
function addDict(search: Search, key: string, dict: Dict, inModule: boolean): boolean {
  const { looked, tensors } = search;
  const entries = [...looked.flat(dict)].filter(([, item]) => isScale(item));
  if ((!SCALES.test(key) || inModule) && entries.every(([name]) => ownerIn(name, tensors) === undefined)) return false;
  for (const [name, item] of entries) {
    const full = `${key}.${name}`;
    const owner = ownerIn(name, tensors);
    tensors.delete(full);
    tensors.set(owner === undefined ? full : freeName(owner, full, tensors), scaleOf(search, full, item));
  }
  return true;
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
  const items = item instanceof PickleTuple ? item.items : item;
  if (Array.isArray(items) && items.length > 0 && items.every((value) => typeof value === "number"))
    return { shape: [items.length], values: items as number[] };
  throw inputError(source, "TORCH_SCALE", `the scale ${quote(name)} of 8-bit floats is ${kindOf(item)}`, {
    where: "data.pkl",
    expected: isArrayLike(item)
      ? "a tensor: torch.as_tensor(...) of it before saving"
      : "a tensor or a number: torch.tensor(...) of it before saving",
  });
}

/** What an item is in Python, in words. */
function kindOf(item: unknown): string {
  if (item instanceof PickleInert) {
    if (/^numpy\..*scalar$/.test(item.name)) return "a scalar of numpy";
    if (/^numpy\./.test(item.name)) return "an array of numpy";
    return `an object of Python, ${quote(item.name)}`;
  }
  if (item instanceof PickleTuple) return "a tuple of other things";
  if (Array.isArray(item)) return item.length === 0 ? "an empty list" : "a list of other things";
  return item === null ? "None" : `a ${typeof item}`;
}
