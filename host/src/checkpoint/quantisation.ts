import { inputError, quote } from "../files/inputError.js";
import type { Quantisation, WeightBlocks } from "./checkpoint.js";

type Json = Readonly<Record<string, unknown>>;

const WHOLE: WeightBlocks = ["all", "all"];
const ROWS: WeightBlocks = [1, "all"];

/** `quant_algo` of ModelOpt and TensorRT-LLM. */
const ALGORITHMS: ReadonlyMap<string, WeightBlocks> = new Map([
  ["FP8", WHOLE],
  ["FP8_PER_CHANNEL_PER_TOKEN", ROWS],
  ["FP8_ROWWISE", ROWS],
  ["FP8_PB_WO", [128, 128]],
]);
/** Where a `config.json`, or one of its towers, says how weights were made small; the last one is TensorRT-LLM's. */
const KEYS = ["quantization_config", "compression_config", "quantization"] as const;
const TOWERS = ["text_config", "vision_config"] as const;

/**
 * What a parsed `config.json` or `hf_quant_config.json` says of the factors of 8-bit floats; undefined where it says
 * nothing. `source` is the checkpoint, `file` the name of what was parsed.
 * @throws InputError WEIGHT_SCALE where it says something that is not known: weights would be wrong by their factors
 */
export function readQuantisation(document: unknown, source: string, file: string): Quantisation | undefined {
  if (!isObject(document)) return undefined;
  const scopes = [[file, document] as const, ...TOWERS.map((key) => [`${file} ${key}`, document[key]] as const)];
  for (const [at, scope] of scopes) {
    const key = isObject(scope) ? KEYS.find((candidate) => isObject(scope[candidate])) : undefined;
    if (key === undefined) continue;
    const said = (scope as Json)[key] as Json;
    // TensorRT-LLM writes the key for models that it has not quantised, too.
    if (said.quant_method === undefined && said.quant_algo === null) continue;
    const place = `${at} ${key}`;
    return { place, blocks: blocksOf(said, (message, expected) => refusal(source, place, message, expected)) };
  }
  return undefined;
}

type Refuse = (message: string, expected: string) => Error;

function refusal(source: string, where: string, message: string, expected: string): Error {
  return inputError(source, "WEIGHT_SCALE", message, { where, expected });
}

function blocksOf(said: Json, refuse: Refuse): WeightBlocks | undefined {
  const method = typeof said.quant_method === "string" ? said.quant_method : "";
  switch (method) {
    case "fp8":
      return said.weight_block_size === undefined || said.weight_block_size === null
        ? undefined
        : sides(said.weight_block_size, "weight_block_size", refuse);
    case "fbgemm_fp8":
      return ROWS;
    case "quanto":
      return undefined;
    case "compressed-tensors":
      return compressed(said, refuse);
    case "modelopt":
    case "": {
      const algorithm = said.quant_algo;
      const blocks = typeof algorithm === "string" ? ALGORITHMS.get(algorithm) : undefined;
      if (blocks !== undefined) return blocks;
      const by = algorithm === undefined ? "a method without a name" : `the algorithm ${shown(algorithm)}`;
      throw refuse(`its 8-bit floats were made by ${by}, which is not known`, [...ALGORITHMS.keys()].join(", "));
    }
    default:
      throw refuse(
        `its 8-bit floats were made by ${quote(method)}, which is not known: their factors could be anything`,
        "fp8, fbgemm_fp8, compressed-tensors, modelopt, quanto; or weights in a wider type",
      );
  }
}

/** Of several groups of layers that have not the same blocks each weight's shape has to tell. */
function compressed(said: Json, refuse: Refuse): WeightBlocks | undefined {
  const groups = isObject(said.config_groups) ? Object.values(said.config_groups) : [];
  const weights = groups.flatMap((group) => (isObject(group) && isObject(group.weights) ? [group.weights] : []));
  // Empty objects are what a writer without sparsity and without transforms leaves.
  if (isFilled(said.sparsity_config) && said.sparsity_config.format !== "dense")
    throw refuse(`weights are sparse, of format ${shown(said.sparsity_config.format)}`, "dense weights");
  const transforms = isObject(said.transform_config) ? said.transform_config.config_groups : undefined;
  if (isFilled(transforms))
    throw refuse(
      "its transform_config turns what goes into layers while the model runs, and weights the other way",
      "weights that are not turned",
    );
  const ordered = weights.find(({ actorder }) => actorder !== undefined && actorder !== null && actorder !== "static");
  if (ordered !== undefined)
    throw refuse(
      `columns have their factors in an order of their own (actorder ${shown(ordered.actorder)})`,
      "actorder null or static",
    );
  const found = weights.map((group): WeightBlocks => {
    if (group.type !== "float" || group.num_bits !== 8 || group.symmetric === false) {
      const about = group.symmetric === false ? " about a zero point" : "";
      throw refuse(
        `a group of weights is of type ${shown(group.type)} with ${shown(group.num_bits)} bits${about}`,
        "symmetric floats of 8 bits",
      );
    }
    if (group.strategy === "tensor") return WHOLE;
    if (group.strategy === "channel") return ROWS;
    if (group.strategy === "block") return sides(group.block_structure, "block_structure", refuse);
    if (group.strategy === "group") return sides([1, group.group_size], "group_size", refuse);
    throw refuse(`the strategy of weights is ${shown(group.strategy)}`, "tensor, channel, group or block");
  });
  const [first] = found;
  return found.every((blocks) => blocks.join() === first?.join()) ? first : undefined;
}

/** Rows and columns of a block, as a list or as `128x128`. */
function sides(value: unknown, key: string, refuse: Refuse): WeightBlocks {
  const given = typeof value === "string" ? value.split("x").map(Number) : value;
  if (Array.isArray(given) && given.length === 2 && given.every((side) => Number.isSafeInteger(side) && side > 0))
    return given as [number, number];
  throw refuse(`its ${key} is ${shown(value)}`, "rows and columns of a block");
}

const shown = (value: unknown) => (value === undefined ? "not said" : (JSON.stringify(value) ?? "").slice(0, 80));

function isFilled(value: unknown): value is Json {
  return isObject(value) && Object.keys(value).length > 0;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
