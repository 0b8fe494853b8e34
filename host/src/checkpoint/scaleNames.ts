/** What the names of factors have in them, and of what else a stored number may have to be corrected with. */
export const SCALE_WORD = /scal(e|ing)|factor|a(bs)?max|zero_?point|weight_zeros|pre_?quant|quant_(map|state)/i;

/** What has factors of its own, that are of no stored weight: `lr_scale`, `rope_factor`. */
const OTHERS = [
  ...["lr", "learning_rate", "loss", "grad", "gradient", "logit", "rope", "rotary", "attn", "attention", "softmax"],
  ...["embed", "embedding", "layer", "ls\\d*", "residual", "init", "image", "guidance", "reward", "action", "noise"],
  ...["warmup", "decay", "momentum", "drop", "dropout", "growth", "backoff", "optim", "optimizer"],
].join("|");
const OF_OTHERS = new RegExp(`(^|[._])(${OTHERS})s?_?(scal(e|ing)|factor)`, "i");
const AS_OTHERS = /scal(e|ing)_(lr|loss|grad|emb|attn)|(re|up|down)scale/i;

/** Whether what is called so could be a factor of stored weights: by its name nothing else is known of it. */
export function couldBeFactor(name: string): boolean {
  return SCALE_WORD.test(name) && !isActivationScale(name) && !OF_OTHERS.test(name) && !AS_OTHERS.test(name);
}

/** The name without its last word, "" where it has but one. */
export function moduleOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf(".")));
}

const SUFFIXES = ["_scale", "_scale_inv", "_scales", ".scale", ".scale_inv", "._scale"] as const;
/** What a module's only weight may leave out, and how TensorRT-LLM calls it. */
const OF_WEIGHT = ["scale", "scales", "scale_inv", "weights_scaling_factor"] as const;
/** What optimum-quanto calls the numbers of a weight, under the weight's name; `_scale` beside it is their factor. */
export const QUANTO_DATA = "._data";

/** The weight that stored numbers of this name are of. */
export function weightOf(name: string): string {
  return name.endsWith(QUANTO_DATA) ? name.slice(0, -QUANTO_DATA.length) : name;
}

/**
 * How files call the factor that `name` is to be multiplied with. `_scale_inv` is the same factor: the inverse of what
 * the weights were multiplied with when they were made small.
 */
export function scaleNames(name: string): string[] {
  const { within, last } = split(name);
  return [
    ...SUFFIXES.map((suffix) => name + suffix),
    `${within}scale_${last}`,
    ...(last === "weight" ? OF_WEIGHT.map((word) => within + word) : []),
  ];
}

/** What a factor of this name would be for: the other way round. */
export function scaledNames(scale: string): string[] {
  const { within, last } = split(scale);
  return [
    ...SUFFIXES.filter((suffix) => scale.endsWith(suffix)).map((suffix) => scale.slice(0, -suffix.length)),
    ...(last.startsWith("scale_") ? [within + last.slice("scale_".length)] : []),
    ...(OF_WEIGHT.some((word) => word === last) ? [`${within}weight`] : []),
  ];
}

/** Whether `other`, of the same module, says by its name that it has to do with the numbers of `name`. */
export function concerns(other: string, name: string): boolean {
  const [{ last }, { last: word }] = [split(name), split(other)];
  return word !== last && (word.includes(last) || (last === "weight" && couldBeFactor(word)));
}

function split(name: string): { readonly within: string; readonly last: string } {
  const at = name.lastIndexOf(".") + 1;
  return { within: name.slice(0, at), last: name.slice(at) };
}

/**
 * Scales of what goes in and out, with which a program that computes in 8-bit floats rounds; the weights have nothing
 * to do with them.
 */
export function isActivationScale(name: string): boolean {
  return ACTIVATION_SCALE.test(name.slice(name.lastIndexOf(".") + 1));
}

const ACTIVATIONS = "input|output|act|activation|k|v|q|kv|k_cache|v_cache|kv_cache|kv_cache_rcp|prob";
const ACTIVATION_SCALE = new RegExp(`^((${ACTIVATIONS})_(scale|scaling_factor)|scale_(input|output))(_inv|_ub)?$`);

/** Marks of ComfyUI, which say how a program computes: of a whole file, and of one layer. */
export const FILE_MARK = "scaled_fp8";
export const LAYER_MARK = "comfy_quant";
