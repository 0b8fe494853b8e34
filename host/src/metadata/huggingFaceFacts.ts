import type { ActivationFunction } from "../program/program.js";
import { type Architecture, architectureOf } from "./architectures.js";
import { defined, type Fact, type ModelFacts, type ReadFacts } from "./modelFacts.js";

type Json = Readonly<Record<string, unknown>>;

/** `hidden_act` and its spellings. */
const ACTIVATIONS: Readonly<Record<string, ActivationFunction>> = {
  gelu: "gelu",
  gelu_new: "gelu_tanh",
  gelu_fast: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
  quick_gelu: "quick_gelu",
  silu: "silu",
  swish: "silu",
  relu: "relu",
  relu2: "relu2",
  relu_squared: "relu2",
  sigmoid: "sigmoid",
  tanh: "tanh",
};

/** Configurations of models of several towers: the one that takes pictures, and the one that takes rows. */
const TOWERS = { pictures: ["vision_config"], rows: ["text_config"] } as const;

/** A Hugging Face `config.json` is told by its `model_type`; other files of that name say nothing that is understood. */
export function isHuggingFaceConfig(config: unknown): config is Json {
  return typeof config === "object" && config !== null && typeof (config as Json).model_type === "string";
}

/**
 * The facts of a Hugging Face `config.json`. Of a model of several towers those of the one that is wanted. Keys that are absent have a default
 * that is the class's and not written down, so nothing is known of them.
 */
export function huggingFaceFacts(whole: Json, pictures: boolean, file: string): ReadFacts {
  const tower = TOWERS[pictures ? "pictures" : "rows"].find((key) => isObject(whole[key]));
  const config = tower === undefined ? whole : (whole[tower] as Json);
  const at = tower === undefined ? file : `${file} ${tower}`;
  const type = towerType(whole, config, pictures);
  const architecture = architectureOf(type);
  const read = new Keys(config, at);
  const width = read.size("hidden_size", "d_model", "n_embd", "embed_dim", "dim");
  const heads = read.size("num_attention_heads", "n_head", "n_heads", "encoder_attention_heads");
  const act = read.text("hidden_act", "activation_function", "hidden_activation", "activation", "afn");
  const known = act && Object.hasOwn(ACTIVATIONS, act.value) ? ACTIVATIONS[act.value] : undefined;
  const activation = act && known ? { value: [known], place: act.place } : undefined;
  const unknown = [
    ...(architecture === undefined ? [`what ${at} model_type "${type}" says of norms, positions and attention`] : []),
    ...(act && !activation ? [`the activation: ${act.place} is none that a config has`] : []),
  ];
  const facts: ModelFacts = defined({
    architecture: { value: type, place: `${at} model_type "${type}"` },
    ...ofArchitecture(architecture, config, at, type),
    eps: read.number("layer_norm_eps", "layer_norm_epsilon", "rms_norm_eps", "layernorm_epsilon", "norm_eps", "norm_epsilon"),
    activation,
    width,
    layers: read.size("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers"),
    heads,
    kvHeads: read.size("num_key_value_heads"),
    headDim: read.size("head_dim", "d_kv") ?? quotient(width, heads),
    hidden: hiddenOf(read, config, width),
    image: read.pixels("image_size"),
    patch: read.size("patch_size"),
    registers: read.whole("num_register_tokens"),
  });
  return { facts, unknown };
}

function towerType(whole: Json, config: Json, pictures: boolean): string {
  const own = typeof config.model_type === "string" ? config.model_type : String(whole.model_type);
  if (own !== "clip" && own !== "siglip") return own;
  return pictures ? `${own}_vision_model` : `${own}_text_model`;
}

function ofArchitecture(architecture: Architecture | undefined, config: Json, at: string, type: string): ModelFacts {
  if (architecture === undefined) return ropeOf(config, at);
  const by = <Value>(value: Value | undefined): Fact<Value> | undefined =>
    value === undefined ? undefined : { value, place: `${at} model_type "${type}"` };
  const said = [
    ["do_layer_norm_before", true],
    ["norm_first", true],
    ["do_stable_layer_norm", true],
  ] as const;
  const key = said.find(([name]) => typeof config[name] === "boolean")?.[0];
  const placement =
    key === undefined ? by(architecture.placement) : { value: config[key] === true ? "pre" : "post", place: `${at} ${key} ${config[key]}` };
  const gated =
    typeof config.use_swiglu_ffn === "boolean"
      ? { value: config.use_swiglu_ffn, place: `${at} use_swiglu_ffn ${config.use_swiglu_ffn}` }
      : by(architecture.gated);
  return defined({
    normPlacement: placement as ModelFacts["normPlacement"],
    positions: by(architecture.positions),
    firstPosition: architecture.positions === "learned" ? by(architecture.firstPosition ?? 0) : undefined,
    norm: by(architecture.norm),
    causal: config.is_decoder === true ? { value: true, place: `${at} is_decoder true` } : by(architecture.causal),
    gatedFfn: gated,
    ...ropeOf(config, at),
  });
}

/** Rotary positions can be told without knowing the architecture. */
function ropeOf(config: Json, at: string): ModelFacts {
  for (const key of ["rope_theta", "rope_parameters", "rope_scaling", "rotary_dim", "rotary_pct"]) {
    if (config[key] !== undefined && config[key] !== null) return { positions: { value: "rope", place: `${at} ${key}` } };
  }
  const { position_embedding_type: kind } = config;
  if (kind === "rotary" || kind === "rope") return { positions: { value: "rope", place: `${at} position_embedding_type "${kind}"` } };
  if (typeof kind === "string" && kind.startsWith("relative"))
    return { positions: { value: "relative", place: `${at} position_embedding_type ${JSON.stringify(kind.slice(0, 40))}` } };
  return {};
}

function hiddenOf(read: Keys, config: Json, width: Fact<number> | undefined): Fact<number> | undefined {
  // DistilBERT calls its width `dim`; elsewhere `hidden_dim` may be the width.
  const distilled = config.dim === undefined ? [] : ["hidden_dim"];
  const given = read.size("intermediate_size", "ffn_dim", "n_inner", "d_ff", "encoder_ffn_dim", ...distilled);
  const ratio = read.number("mlp_ratio");
  if (given !== undefined || ratio === undefined || width === undefined || config.use_swiglu_ffn === true) return given;
  return { value: Math.floor(width.value * ratio.value), place: `${width.place} times ${ratio.place}` };
}

function quotient(width: Fact<number> | undefined, heads: Fact<number> | undefined): Fact<number> | undefined {
  if (width === undefined || heads === undefined || width.value % heads.value !== 0) return undefined;
  return { value: width.value / heads.value, place: `${width.place} over ${heads.place}` };
}

/** The facts of a `preprocessor_config.json`: what is done to a picture before the model sees it. */
export function preprocessorFacts(document: Json, file: string): ReadFacts {
  // Newer processors of several inputs have one part for pictures.
  const config = isObject(document.image_processor) ? (document.image_processor as Json) : document;
  const read = new Keys(config, file);
  const unknown: string[] = [];
  const factor = read.number("rescale_factor");
  const scaled = config.do_rescale !== false && (factor === undefined || Math.abs(factor.value * 255 - 1) < 1e-3);
  if (!scaled) unknown.push(`image mean and deviation: ${file} does not scale pixels to 0..1`);
  const plain = config.do_normalize === false;
  const unnormalised = (value: number) => ({ value: [value, value, value], place: `${file} do_normalize false` });
  const image = read.pixels(config.do_center_crop === true && config.crop_size !== undefined ? "crop_size" : "size");
  if (image === undefined && config.size !== undefined) unknown.push(`the image size: ${file} has it by one edge`);
  return {
    facts: defined({
      image: config.do_resize === false ? undefined : image,
      mean: !scaled ? undefined : plain ? unnormalised(0) : read.channels("image_mean"),
      std: !scaled ? undefined : plain ? unnormalised(1) : read.channels("image_std"),
    }),
    unknown,
  };
}

/** Reads the first of several spellings of a key that has a value of the right type. */
class Keys {
  private readonly config: Json;
  private readonly at: string;
  constructor(config: Json, at: string) {
    this.config = config;
    this.at = at;
  }

  size(...keys: string[]): Fact<number> | undefined {
    return this.first(keys, (value) => (Number.isInteger(value) && (value as number) > 0 ? (value as number) : undefined));
  }
  whole(...keys: string[]): Fact<number> | undefined {
    return this.first(keys, (value) => (Number.isInteger(value) && (value as number) >= 0 ? (value as number) : undefined));
  }
  number(...keys: string[]): Fact<number> | undefined {
    return this.first(keys, (value) => (typeof value === "number" ? value : undefined));
  }
  text(...keys: string[]): Fact<string> | undefined {
    return this.first(keys, (value) => (typeof value === "string" ? value : undefined));
  }
  channels(key: string): Fact<readonly number[]> | undefined {
    return this.first([key], (value) => {
      const list = typeof value === "number" ? [value, value, value] : value;
      return Array.isArray(list) && list.length === 3 && list.every((item) => typeof item === "number") ? (list as number[]) : undefined;
    });
  }
  /** A side, two sides, or an object of height and width. */
  pixels(key: string): Fact<readonly [number, number]> | undefined {
    return this.first([key], (value) => {
      const { height, width } = isObject(value) ? (value as Json) : { height: value, width: value };
      const sides = Array.isArray(value) && value.length === 2 ? value : [height, width];
      return sides.every((side) => Number.isInteger(side) && side > 0) ? (sides as [number, number]) : undefined;
    });
  }

  private first<Value>(keys: readonly string[], parse: (value: unknown) => Value | undefined): Fact<Value> | undefined {
    for (const key of keys) {
      const value = Object.hasOwn(this.config, key) ? parse(this.config[key]) : undefined;
      if (value !== undefined) return { value, place: `${this.at} ${key} ${JSON.stringify(this.config[key])}` };
    }
    return undefined;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
