import { inputError, quote } from "./errors.js";
import { TorchView } from "./torchGlobals.js";

/** Keys under which training code keeps the state_dict inside what it saves. */
const WRAPPERS = ["state_dict", "model_state_dict", "model", "module", "net", "weights"] as const;
const WRAPPER_DEPTH_MAX = 4;

/** The tensors of a saved object, by name, and the plain values beside them. */
export interface StateDict {
  readonly tensors: ReadonlyMap<string, TorchView>;
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
}

/**
 * Finds the state_dict in an unpickled object: the object itself when it is a dict with tensors, else what it holds under one of the usual keys.
 * Entries that are no tensors are left out.
 * @throws InputError TORCH_NO_STATE_DICT, TORCH_BAD_KEY
 */
export function findStateDict(source: string, root: unknown): StateDict {
  const metadata: [string, string | number | boolean][] = [];
  let value = root;
  for (let depth = 0; value instanceof Map && depth <= WRAPPER_DEPTH_MAX; depth++) {
    const dict: ReadonlyMap<unknown, unknown> = value;
    for (const [key, item] of dict) {
      if (typeof key === "string" && (typeof item === "string" || typeof item === "number" || typeof item === "boolean"))
        metadata.push([key, item]);
    }
    const tensors = [...dict].filter((entry): entry is [unknown, TorchView] => entry[1] instanceof TorchView);
    const wrapper = WRAPPERS.find((key) => dict.get(key) instanceof Map);
    // A wrapper may carry a tensor of its own, such as a random state; the dict under it is what was meant.
    if (wrapper === undefined && (tensors.length > 0 || dict.size === 0)) {
      return { tensors: new Map(tensors.map(([key, view]) => [checkedKey(source, key), view])), metadata: Object.fromEntries(metadata) };
    }
    value = wrapper === undefined ? undefined : dict.get(wrapper);
  }
  const keys =
    root instanceof Map ? [...root.keys()].slice(0, 8).map((key) => (typeof key === "string" ? quote(key) : `a ${typeof key}`)) : [];
  const found = root instanceof Map ? `a dict with the keys ${keys.join(", ")}${root.size > keys.length ? ", ..." : ""}` : "no dict";
  throw inputError(source, "TORCH_NO_STATE_DICT", `no state_dict was found in it: it holds ${found}`, {
    where: "data.pkl",
    expected: `a dict of tensors, or one under ${WRAPPERS.map((key) => quote(key)).join(", ")}`,
  });
}

function checkedKey(source: string, key: unknown): string {
  if (typeof key === "string") return key;
  throw inputError(source, "TORCH_BAD_KEY", "a tensor's name is no string", { where: "data.pkl", expected: "strings" });
}
