import { inputError, quote } from "./errors.js";
import { TorchView } from "./torchGlobals.js";

/** Keys under which training code keeps the state_dict inside what it saves, the likeliest first. */
const WRAPPERS = ["state_dict", "model_state_dict", "model", "module", "net", "weights"] as const;
const DEPTH_MAX = 6;
const DICTS_MAX = 256;

/** Tensors by name. */
export type Views = ReadonlyMap<string, TorchView>;

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
 * Finds every dict in an unpickled object that has tensors, in it or in dicts below. Entries that are neither are left out.
 * @throws InputError TORCH_NO_STATE_DICT, TORCH_BAD_KEY
 */
export function findStateDicts(source: string, root: unknown): StateDicts {
  const dicts = new Map<string, Views>();
  if (root instanceof Map) gather(source, root, "", dicts, new Set());
  const usual = root instanceof Map ? usualPath(root, dicts) : undefined;
  if (usual !== undefined) return { dicts, usual, metadata: Object.fromEntries(plainValues(root as Dict, usual)) };
  const keys =
    root instanceof Map ? [...root.keys()].slice(0, 8).map((key) => (typeof key === "string" ? quote(key) : `a ${typeof key}`)) : [];
  const found = root instanceof Map ? `a dict with the keys ${keys.join(", ")}${root.size > keys.length ? ", ..." : ""}` : "no dict";
  throw inputError(source, "TORCH_NO_STATE_DICT", `no state_dict was found in it: it holds ${found}`, {
    where: "data.pkl",
    expected: `a dict of tensors, or one under ${WRAPPERS.map((key) => quote(key)).join(", ")} or another key`,
  });
}

/** Adds `dict` and the dicts below it to `found`, those above before those below. */
function gather(source: string, dict: Dict, path: string, found: Map<string, Views>, above: Set<Dict>): Views {
  const views = new Map<string, TorchView>();
  // A dict may contain itself; and what names too many is no checkpoint.
  if (above.has(dict) || above.size >= DEPTH_MAX || found.size >= DICTS_MAX) return views;
  const within = new Set(above).add(dict);
  found.set(path, views);
  for (const [key, item] of dict) {
    if (item instanceof TorchView) views.set(checkedKey(source, key), item);
    // Keys of an optimizer's state are numbers.
    if (!(item instanceof Map) || typeof key !== "string") continue;
    const inner = gather(source, item, path === "" ? key : `${path}.${key}`, found, within);
    for (const [name, view] of inner) if (!views.has(`${key}.${name}`)) views.set(`${key}.${name}`, view);
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
      if (typeof key === "string" && (typeof item === "string" || typeof item === "number" || typeof item === "boolean"))
        values.push([key, item]);
    }
    dict = dict.get(step);
  }
  return values;
}

function checkedKey(source: string, key: unknown): string {
  if (typeof key === "string") return key;
  throw inputError(source, "TORCH_BAD_KEY", "a tensor's name is no string", { where: "data.pkl", expected: "strings" });
}
