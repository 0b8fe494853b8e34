import type { ActivationFunction } from "../format/ops.js";
import { type Architecture, architectureOf } from "./architectures.js";
import { attentionFacts } from "./attentionFacts.js";
import { beyondFacts, rowsNotes } from "./beyondFacts.js";
import { isObject, type Json, Keys } from "./keys.js";
import { defined, type Fact, type ModelFacts, type NormPlacement, type ReadFacts } from "./modelFacts.js";

/** `hidden_act` and its spellings. */
const ACTIVATIONS: Readonly<Record<string, ActivationFunction>> = {
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_new: "gelu_tanh",
  gelu_accurate: "gelu_tanh",
  gelu_python_tanh: "gelu_tanh",
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

/** A feed-forward that has its own activation, whatever `hidden_act` says. */
const SWIGLU = (place: string): Fact<readonly ActivationFunction[]> => ({ value: ["silu"], place });

/** Configurations of models of several towers: the one that takes pictures, and the one that takes rows. */
const TOWERS = { pictures: ["vision_config"], rows: ["text_config"] } as const;

/**
 * A Hugging Face `config.json` is told by its `model_type`; other files of that name say nothing that is understood.
 */
export function isHuggingFaceConfig(config: unknown): config is Json {
  return typeof config === "object" && config !== null && typeof (config as Json).model_type === "string";
}

/** Whether one of several towers takes rows. */
export function hasRowTower(config: Json): boolean {
  return TOWERS.rows.some((key) => isObject(config[key]));
}

/**
 * The facts of a Hugging Face `config.json`. Of a model of several towers those of the one that is wanted. Keys that
 * are absent have a default that is the class's and not written down: it is known where the table of architectures has
 * it.
 */
export function huggingFaceFacts(whole: Json, pictures: boolean, file: string): ReadFacts {
  const tower = TOWERS[pictures ? "pictures" : "rows"].find((key) => isObject(whole[key]));
  const config = tower === undefined ? whole : (whole[tower] as Json);
  const at = tower === undefined ? file : `${file} ${tower}`;
  const type = towerType(whole, config, pictures);
  const architecture = architectureOf(type);
  const read = new Keys(config, at);
  const width = read.size("hidden_size", "d_model", "n_embd", "n_embed", "embed_dim", "dim");
  const heads = read.size(
    "num_attention_heads",
    "n_head",
    "n_heads",
    "num_heads",
    "encoder_attention_heads",
    "decoder_attention_heads",
  );
  const act = read.text("hidden_act", "activation_function", "hidden_activation", "activation", "afn");
  const known = act && Object.hasOwn(ACTIVATIONS, act.value) ? ACTIVATIONS[act.value] : undefined;
  const swiglu = read.flag("use_swiglu_ffn");
  const activation = swiglu?.value
    ? SWIGLU(swiglu.place)
    : act && known
      ? { value: [known], place: act.place }
      : undefined;
  const unknown = [
    ...(architecture === undefined ? [`what ${at} model_type "${type}" says of norms, positions and attention`] : []),
    ...(act && !activation ? [`the activation: ${act.place} is none that a config has`] : []),
    ...(pictures ? [] : rowsNotes(read, width)),
  ];
  const facts: ModelFacts = defined({
    architecture: { value: type, place: `${at} model_type "${type}"` },
    ...ofArchitecture(architecture, config, at, type),
    ...attentionFacts(architecture, read, type),
    beyond: beyondFacts(architecture, read, type),
    eps:
      epsOf(architecture, at, type) ??
      read.number(
        "layer_norm_eps",
        "layer_norm_epsilon",
        "rms_norm_eps",
        "layernorm_epsilon",
        "norm_eps",
        "norm_epsilon",
      ),
    activation,
    width,
    layers: read.size("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers"),
    heads,
    kvHeads: kvHeadsOf(read, type, heads),
    headDim: read.size("head_dim", "d_kv") ?? quotient(width, heads),
    hidden: hiddenOf(read, config, width),
    image: read.pixels("image_size"),
    patch: read.size("patch_size"),
    registers: read.whole("num_register_tokens"),
  });
  return { facts, unknown };
}

function epsOf(architecture: Architecture | undefined, at: string, type: string): Fact<number> | undefined {
  return architecture?.eps === undefined ? undefined : { value: architecture.eps, place: `${at} model_type "${type}"` };
}

function towerType(whole: Json, config: Json, pictures: boolean): string {
  const own = typeof config.model_type === "string" ? config.model_type : String(whole.model_type);
  if (own !== "clip" && own !== "siglip") return own;
  return pictures ? `${own}_vision_model` : `${own}_text_model`;
}

function ofArchitecture(architecture: Architecture | undefined, config: Json, at: string, type: string): ModelFacts {
  if (architecture === undefined) {
    return defined({
      normPlacement: placementOf(undefined, new Keys(config, at)),
      causal: causalOf(config, at),
      ...ropeOf(config, at),
    });
  }
  const by = <Value>(value: Value | undefined): Fact<Value> | undefined =>
    value === undefined ? undefined : { value, place: `${at} model_type "${type}"` };
  const placement = placementOf(architecture, new Keys(config, at)) ?? by(architecture.placement);
  const gated =
    typeof config.use_swiglu_ffn === "boolean"
      ? { value: config.use_swiglu_ffn, place: `${at} use_swiglu_ffn ${config.use_swiglu_ffn}` }
      : by(architecture.gated);
  return defined({
    normPlacement: placement,
    positions: by(architecture.positions),
    firstPosition: ["learned", "table"].includes(architecture.positions)
      ? by(architecture.firstPosition ?? 0)
      : undefined,
    norm: by(architecture.norm),
    finalNorm: leftOut(new Keys(config, at), type) ?? by(architecture.finalNorm),
    causal: causalOf(config, at) ?? by(architecture.causal),
    gatedFfn: gated,
    ...ropeOf(config, at),
  });
}

/** OPT has a norm after the last block where norms stand before its halves, and a key to leave it out. */
function leftOut(read: Keys, type: string): Fact<boolean> | undefined {
  if (type !== "opt") return undefined;
  const [before, without] = [read.flag("do_layer_norm_before"), read.flag("_remove_final_layer_norm")];
  if (without?.value) return { value: false, place: without.place };
  return before?.value === false ? { value: false, place: before.place } : undefined;
}

/** Of one `model_type` the norms can stand in several places. */
function placementOf(architecture: Architecture | undefined, read: Keys): Fact<NormPlacement> | undefined {
  const before = read.flag("do_layer_norm_before", "norm_first", "do_stable_layer_norm");
  if (before !== undefined) return { value: before.value ? "pre" : "post", place: before.place };
  const parallel = read.flag("use_parallel_residual", "parallel_attn");
  // Two norms, or one for both, before halves that stand side by side.
  if (parallel === undefined || !["pre", "parallel"].includes(architecture?.placement ?? "")) return undefined;
  return { value: parallel.value ? "parallel" : "pre", place: parallel.place };
}

function causalOf(config: Json, at: string): Fact<boolean> | undefined {
  // A decoder's blocks attend to the encoder's rows as well, which no config can say.
  if (config.is_encoder_decoder === true)
    return { value: false, place: `${at} is_encoder_decoder true, of whose halves a config can say the encoder` };
  if (config.use_bidirectional_attention === true)
    return { value: false, place: `${at} use_bidirectional_attention true` };
  for (const key of ["is_decoder", "is_causal"])
    if (config[key] === true) return { value: true, place: `${at} ${key} true` };
  return undefined;
}

function kvHeadsOf(read: Keys, type: string, heads: Fact<number> | undefined): Fact<number> | undefined {
  const many = read.flag("multi_query");
  // Falcon's newer ones have groups whatever `multi_query` says.
  if (many !== undefined && read.flag("new_decoder_architecture")?.value !== true) {
    if (many.value) return { value: 1, place: many.place };
    return heads && { value: heads.value, place: `${many.place} and ${heads.place}` };
  }
  const given =
    read.size("num_key_value_heads", "num_kv_heads", "n_head_kv") ?? read.inner("attn_config")?.size("kv_n_heads");
  if (given !== undefined || type !== "gpt_bigcode") return given;
  return { value: 1, place: `${read.at} model_type "${type}"` };
}

/** Rotary positions can be told without knowing the architecture. */
function ropeOf(config: Json, at: string): ModelFacts {
  for (const key of ["rope_theta", "rope_parameters", "rope_scaling", "rotary_dim", "rotary_pct"]) {
    if (config[key] !== undefined && config[key] !== null)
      return { positions: { value: "rope", place: `${at} ${key}` } };
  }
  const { position_embedding_type: kind } = config;
  if (config.alibi === true) return { positions: { value: "alibi", place: `${at} alibi true` } };
  if (kind === "rotary" || kind === "rope")
    return { positions: { value: "rope", place: `${at} position_embedding_type "${kind}"` } };
  if (typeof kind === "string" && kind.startsWith("relative"))
    return {
      positions: { value: "relative", place: `${at} position_embedding_type ${JSON.stringify(kind.slice(0, 40))}` },
    };
  return {};
}

function hiddenOf(read: Keys, config: Json, width: Fact<number> | undefined): Fact<number> | undefined {
  // DistilBERT calls its width `dim`; elsewhere `hidden_dim` may be the width.
  const distilled = config.dim === undefined ? [] : ["hidden_dim"];
  const given = read.size(
    "intermediate_size",
    "ffn_dim",
    "n_inner",
    "d_ff",
    "encoder_ffn_dim",
    "decoder_ffn_dim",
    ...distilled,
  );
  const ratio = read.number("mlp_ratio");
  const swiglu = read.flag("use_swiglu_ffn");
  if (width === undefined || ratio === undefined) return swiglu?.value ? undefined : given;
  const hidden = Math.floor(width.value * ratio.value);
  // Two thirds of it, so that a gate beside it costs nothing, in steps of eight.
  if (swiglu?.value)
    return {
      value: 8 * Math.ceil(Math.floor((hidden * 2) / 3) / 8),
      place: `${swiglu.place}, ${width.place} and ${ratio.place}`,
    };
  return given ?? { value: hidden, place: `${width.place} times ${ratio.place}` };
}

function quotient(width: Fact<number> | undefined, heads: Fact<number> | undefined): Fact<number> | undefined {
  if (width === undefined || heads === undefined || width.value % heads.value !== 0) return undefined;
  return { value: width.value / heads.value, place: `${width.place} over ${heads.place}` };
}

/** Filters by their number in Pillow. */
const FILTERS = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"];
const BILINEAR = 2;

/** Where a picture that has not the model's size would be given to it in another way than the runtime does. */
function resizeNotes(config: Json, read: Keys, file: string): string[] {
  const ours = "where the runtime stretches the whole of it to the model's size";
  const filter = read.whole("resample");
  const notes: string[] = [];
  if (filter === undefined)
    notes.push(`the filter that pictures are resized by: ${file} names none, the runtime has a bilinear one`);
  else if (filter.value !== BILINEAR)
    notes.push(
      `how pictures are resized: ${filter.place} (${FILTERS[filter.value] ?? "unknown"}), where the runtime has a ` +
        "bilinear filter",
    );
  const cut =
    config.do_center_crop === true
      ? (read.named("crop_size", "crop_pct") ?? `${file} do_center_crop true`)
      : read.named("crop_pct");
  if (cut !== undefined) notes.push(`what is seen of a picture: ${cut} cuts out its middle, ${ours}`);
  const size = read.inner("size");
  const edge = size?.named("shortest_edge", "longest_edge", "max_height");
  if (edge !== undefined && cut === undefined)
    notes.push(`what is seen of a picture: ${edge} keeps its shape, ${ours}`);
  const pad = config.do_pad === true ? `${file} do_pad true` : undefined;
  if (pad !== undefined) notes.push(`what is seen of a picture: ${pad} lays it on a larger one, ${ours}`);
  return notes;
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
  if (config.do_resize !== false) unknown.push(...resizeNotes(config, read, file));
  const flipped = read.flag("do_flip_channel_order");
  return {
    facts: defined({
      image: config.do_resize === false ? undefined : image,
      channels: flipped && { value: flipped.value ? ("bgr" as const) : ("rgb" as const), place: flipped.place },
      mean: !scaled ? undefined : plain ? unnormalised(0) : read.channels("image_mean"),
      std: !scaled ? undefined : plain ? unnormalised(1) : read.channels("image_std"),
    }),
    unknown,
  };
}
