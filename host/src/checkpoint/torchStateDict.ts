import { inputError, quote } from "../files/inputError.js";
import { type PlainNumbers, TorchView } from "./torchGlobals.js";
import { addScales } from "./torchScales.js";

/** Keys under which training code keeps the state_dict inside what it saves, the likeliest first. */
const WRAPPERS = ["state_dict", "model_state_dict", "model", "module", "net", "weights"] as const;
const DEPTH_MAX = 6;
const DICTS_MAX = 256;
// One dict may stand in many places, and each place counts: without these bounds a few kilobytes could name dicts and
// tensors without end.
const VISITS_MAX = 1 << 16;
const NAMES_MAX = 1 << 20;

/** Tensors by name. */
export type Views = ReadonlyMap<string, TorchView | PlainNumbers>;

/** The state_dicts inside a saved object, and the plain values beside them. */
export interface StateDicts {
  /** By dotted path, "" being the object itself. Each has all tensors in it and below, named from it. */
  readonly dicts: ReadonlyMap<string, Views>;
  /** The path of the one that is meant when nothing else is known. */
  readonly usual: string;
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
}

type Dict = ReadonlyMap<unknown, unknown>;

/**
 * Finds every dict in an unpickled object that has tensors, in it or in dicts below. Entries that are neither are left
 * out.
 * @throws InputError TORCH_NO_STATE_DICT, TORCH_BAD_KEY, TORCH_SCALE
 */
export function findStateDicts(source: string, root: unknown): StateDicts {
  const dicts = new Map<string, Map<string, TorchView | PlainNumbers>>();
  const gathering: Gathering = { source, found: dicts, visits: 0, names: 0, unnamed: false };
  if (root instanceof Map) gather(gathering, root, "", new Set());
  const usual = root instanceof Map ? usualPath(root, dicts) : undefined;
  if (usual !== undefined) addScales(source, root as Dict, dicts);
  if (usual !== undefined) return { dicts, usual, metadata: Object.fromEntries(plainValues(root as Dict, usual)) };
  if (gathering.unnamed)
    throw inputError(source, "TORCH_BAD_KEY", "a tensor's name is no string", {
      where: "data.pkl",
      expected: "strings",
    });
  const keys =
    root instanceof Map
      ? [...root.keys()].slice(0, 8).map((key) => (typeof key === "string" ? quote(key) : `a ${typeof key}`))
      : [];
  const found =
    root instanceof Map
      ? `a dict with the keys ${keys.join(", ")}${root.size > keys.length ? ", ..." : ""}`
      : "no dict";
  throw inputError(source, "TORCH_NO_STATE_DICT", `no state_dict was found in it: it holds ${found}`, {
    where: "data.pkl",
    expected: `a dict of tensors, or one under ${WRAPPERS.map((key) => quote(key)).join(", ")} or another key`,
  });
}

/** The dicts found so far, and what has been looked at for them. */
interface Gathering {
  readonly source: string;
  readonly found: Map<string, Map<string, TorchView | PlainNumbers>>;
  visits: number;
  names: number;
  /** A dict has a tensor under a key that is no string, so that it is no state_dict. */
  unnamed: boolean;
}

/** Adds `dict` and the dicts below it to those found, those above before those below. */
function gather(gathering: Gathering, dict: Dict, path: string, above: Set<Dict>): Views {
  const { found, source } = gathering;
  const views = new Map<string, TorchView | PlainNumbers>();
  // A dict may contain itself; and what names too many is no checkpoint.
  if (above.has(dict) || above.size >= DEPTH_MAX || found.size >= DICTS_MAX) return views;
  const tooMany = (what: string, most: number) =>
    inputError(source, "TORCH_TOO_MANY_NAMES", `its dicts name too many ${what}, each place of each counted`, {
      where: "data.pkl",
      expected: `at most ${most}`,
    });
  if (++gathering.visits > VISITS_MAX) throw tooMany("dicts", VISITS_MAX);
  const within = new Set(above).add(dict);
  found.set(path, views);
  const name = (key: string, view: TorchView | PlainNumbers) => {
    if (views.has(key)) return;
    if (++gathering.names > NAMES_MAX) throw tooMany("tensors", NAMES_MAX);
    views.set(key, view);
  };
  let unnamed = false;
  for (const [key, item] of dict) {
    if (item instanceof TorchView) {
      if (typeof key === "string") name(key, item);
      else unnamed = true;
    }
    // Keys of an optimizer's state are numbers.
    if (!(item instanceof Map) || typeof key !== "string") continue;
    const inner = gather(gathering, item, path === "" ? key : `${path}.${key}`, within);
    for (const [rest, view] of inner) name(`${key}.${rest}`, view);
  }
  // Such as the random states of several devices: no names that a config could mean.
  if (unnamed) {
    gathering.unnamed = true;
    views.clear();
  }
  if (views.size === 0) found.delete(path);
  return views;
}

/** Down the usual wrappers while they hold tensors. A wrapper may carry a tensor of its own, such as a random state. */
function usualPath(root: Dict, dicts: ReadonlyMap<string, Views>): string | undefined {
  if (root.size === 0) return undefined;
  let path = "";
  let dict = root;
  for (let depth = 0; depth < DEPTH_MAX; depth++) {
    const at = path;
    const wrapper = WRAPPERS.find((key) => dict.get(key) instanceof Map && dicts.has(at === "" ? key : `${at}.${key}`));
    if (wrapper === undefined) break;
    path = at === "" ? wrapper : `${at}.${wrapper}`;
    dict = dict.get(wrapper) as Dict;
  }
  return dicts.has(path) ? path : undefined;
}

/** Strings, numbers and booleans of the dicts that lead to `path`. */
function plainValues(root: Dict, path: string): [string, string | number | boolean][] {
  const values: [string, string | number | boolean][] = [];
  let dict: unknown = root;
  for (const step of [...(path === "" ? [] : path.split(".")), undefined]) {
    if (!(dict instanceof Map)) break;
    for (const [key, item] of dict as Dict) {
      if (
        typeof key === "string" &&
        (typeof item === "string" || typeof item === "number" || typeof item === "boolean")
      )
        values.push([key, item]);
    }
    dict = dict.get(step);
  }
  return values;
}
