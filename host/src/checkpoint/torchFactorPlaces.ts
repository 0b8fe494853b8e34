import { inputError } from "../files/inputError.js";
import { PickleInert, PickleTuple } from "./pickle.js";
import { couldBeFactor } from "./scaleNames.js";
import { TorchView } from "./torchGlobals.js";

type Dict = ReadonlyMap<unknown, unknown>;

/** Something in a torch file that is called like a factor, or is a small number under some name. */
export interface Place {
  /** Dotted path of what it stands in, "" at the top. */
  readonly within: string;
  readonly key: string;
  readonly item: unknown;
  /** It is called like a factor; others are numbers, lists and tensors of any name. */
  readonly named: boolean;
}

const DEPTH_MAX = 6;
// A dict may stand in many places, and each place counts.
const ITEMS_MAX = 1 << 22;
const PLACES_MAX = 1 << 20;

/** What keeps the state of a training, whose factors are of gradients and learning rates. */
const TRAINING = new RegExp(
  `^(optim(izer)?s?|optim(izer)?_states?|param_groups|(lr_)?schedulers?|(grad_?)?scaler|amp|callbacks|loops|` +
    "rng_states?|random_states?)(_state(_dict)?)?$",
  "i",
);
/** What keeps its settings, which have factors of everything: there only those count that speak of weights. */
const SETTINGS = /^(args?|opts?|options|cfg|config|hparams|hyper_?parameters|settings|kwargs)$/i;
const OF_WEIGHTS = /weight|quant|fp8|float8|8bit/i;

/** Looks through what a torch file holds. */
export class FactorSearch {
  readonly #source: string;
  #items = 0;
  #places = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** The entries of a dict, each place of each counted. */
  *entries(dict: Dict): Iterable<readonly [unknown, unknown]> {
    for (const entry of dict) {
      if (++this.#items > ITEMS_MAX) throw this.#tooMany("values", ITEMS_MAX);
      yield entry;
    }
  }

  /** What stands in a dict and in those below, with names as tensors there have. */
  *flat(dict: Dict, before = "", depth = 0): Iterable<readonly [name: string, item: unknown]> {
    if (depth > DEPTH_MAX) return;
    for (const [key, item] of this.entries(dict)) {
      if (typeof key !== "string" && typeof key !== "number") continue;
      const below = dictOf(item);
      if (below !== undefined) yield* this.flat(below, `${before}${key}.`, depth + 1);
      else yield [before + key, item];
    }
  }

  /** Every place of the file that could have to do with factors. */
  all(root: Dict): Place[] {
    return [...this.#walk(root, "", false, 0)];
  }

  *#walk(dict: Dict, within: string, settings: boolean, depth: number): Iterable<Place> {
    if (depth > DEPTH_MAX) return;
    for (const [key, item] of this.entries(dict)) {
      if (typeof key !== "string" || TRAINING.test(key)) continue;
      const named = couldBeFactor(key) && (!settings || OF_WEIGHTS.test(key) || dictOf(item) !== undefined);
      if (named || isNumeric(item)) {
        if (++this.#places > PLACES_MAX) throw this.#tooMany("numbers", PLACES_MAX);
        yield { within, key, item, named };
      }
      const below = named ? [] : dictsIn(item);
      for (const [i, each] of below.entries()) {
        const path = `${within === "" ? "" : `${within}.`}${key}${below.length > 1 ? `[${i}]` : ""}`;
        yield* this.#walk(each, path, settings || SETTINGS.test(key) || item instanceof PickleInert, depth + 1);
      }
    }
  }

  #tooMany(what: string, most: number): Error {
    return inputError(
      this.#source,
      "TORCH_TOO_MANY_NAMES",
      `its dicts name too many ${what}, each place of each counted`,
      {
        where: "data.pkl",
        expected: `at most ${most}`,
      },
    );
  }
}

/** A dict, or what an object of Python has in the place of one. */
export function dictOf(item: unknown): Dict | undefined {
  if (item instanceof Map) return item;
  if (!(item instanceof PickleInert) || item.state.size === 0 || isArrayLike(item)) return undefined;
  // A UserDict keeps its items in an attribute.
  const data = item.state.get("data");
  return item.state.size === 1 && data instanceof Map ? data : item.state;
}

/** Whether the object stands for numbers, of which nothing is read. */
export function isArrayLike(item: unknown): boolean {
  return item instanceof PickleInert && /^(numpy|array)\./.test(item.name);
}

function dictsIn(item: unknown): Dict[] {
  const items = item instanceof PickleTuple ? item.items : Array.isArray(item) ? item : [item];
  return items.flatMap((each) => dictOf(each) ?? []);
}

function isNumeric(item: unknown): boolean {
  if (typeof item === "number" || item instanceof TorchView || isArrayLike(item)) return true;
  const items = item instanceof PickleTuple ? item.items : item;
  return Array.isArray(items) && items.length > 0 && items.every((each) => typeof each === "number");
}
