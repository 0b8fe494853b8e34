import type { NormKind, NormPlacement, PositionKind, QkvLayout } from "./modelFacts.js";

/** What the name of an architecture says that no key of its configuration does. */
export interface Architecture {
  readonly placement: NormPlacement;
  readonly positions: PositionKind;
  /** The row of the position table that the first row gets; 0 when absent. */
  readonly firstPosition?: number;
  readonly norm?: NormKind;
  /** Whether a norm follows the last block; undefined where some outputs have it and others not. */
  readonly finalNorm: boolean | undefined;
  /** Where the modelling code has one of its own, whatever a key says. */
  readonly eps?: number;
  readonly causal?: boolean;
  readonly gated?: boolean;
  /** The factor on the scores where it is not 1 / sqrt(width of a head) and no key says it. */
  readonly scoreFactor?: number;
  /** Rows in a window of some of its layers where no key says it; without it all rows see all. */
  readonly window?: number;
  /** Where it keeps query, key and value in one tensor. */
  readonly qkvLayout?: QkvLayout;
  /** Its linear layers are `Conv1D`s, whose weights are stored [in, out]. */
  readonly transposed?: true;
  /** What it does that no config says, whatever its keys are. */
  readonly beyond?: readonly string[];
}

const LAYER_NORM = { norm: "layer_norm", gated: false } as const;
/** Image encoders: all patches see each other. */
const VISION = { ...LAYER_NORM, finalNorm: true, placement: "pre", causal: false } as const;
const DECODER = { ...LAYER_NORM, finalNorm: true, placement: "pre", causal: true } as const;
const POST = { ...LAYER_NORM, finalNorm: false, placement: "post", causal: false } as const;
const LLAMA = {
  placement: "pre",
  positions: "rope",
  norm: "rms_norm",
  finalNorm: true,
  causal: true,
  gated: true,
} as const;

const QK_NORMS = "norms of queries and keys";
const CONV1D = { transposed: true, qkvLayout: "blocks" } as const;

/** By `model_type` of Hugging Face's `transformers`, as its modelling code (5.23) and the papers have them. */
const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  vit: { ...VISION, positions: "learned" },
  vit_mae: { ...VISION, positions: "table" },
  vit_msn: { ...VISION, positions: "learned" },
  deit: { ...VISION, positions: "learned" },
  ijepa: { ...VISION, positions: "table" },
  vjepa2: { ...VISION, positions: "rope", beyond: ["patches of several frames"] },
  yolos: { ...VISION, positions: "learned", beyond: ["tokens of detections after the patches"] },
  vivit: { ...VISION, positions: "learned", beyond: ["patches of several frames"] },
  videomae: { ...VISION, positions: "table", beyond: ["patches of several frames"] },
  beit: { ...VISION, positions: "relative" },
  "data2vec-vision": { ...VISION, positions: "relative" },
  // SwiGLU in the giant one alone, which its configuration says.
  dinov2: { placement: "pre", positions: "learned", norm: "layer_norm", finalNorm: true, causal: false },
  dinov2_with_registers: { placement: "pre", positions: "learned", norm: "layer_norm", finalNorm: true, causal: false },
  dinov3_vit: { placement: "pre", positions: "rope", norm: "layer_norm", finalNorm: true, causal: false },
  // Its pooled token is normalised, its tokens are not.
  clip_vision_model: {
    ...VISION,
    finalNorm: undefined,
    positions: "learned",
    beyond: ["a norm of the tokens before the first block (pre_layrnorm)"],
  },
  siglip_vision_model: { ...VISION, positions: "learned" },
  siglip_text_model: { ...VISION, positions: "learned" },
  swin: {
    ...VISION,
    positions: "relative",
    beyond: ["attention within shifted windows, and tokens that are merged between stages"],
  },
  swinv2: {
    ...VISION,
    placement: "post",
    positions: "relative",
    beyond: ["attention within shifted windows, and tokens that are merged between stages", "scores that are cosines"],
  },
  clip_text_model: { ...DECODER, positions: "learned" },
  bert: { ...POST, positions: "learned" },
  electra: { ...POST, positions: "learned" },
  distilbert: { ...POST, positions: "learned" },
  albert: { ...POST, positions: "learned", beyond: ["one block's weights in all layers"] },
  mpnet: { ...POST, positions: "relative" },
  deberta: { ...POST, positions: "relative", qkvLayout: "heads", beyond: ["scores of content and position apart"] },
  "deberta-v2": { ...POST, positions: "relative", beyond: ["scores of content and position apart"] },
  // Their first position is one after the padding token's number, which is 1 in all that were published.
  roberta: { ...POST, positions: "learned", firstPosition: 2 },
  "xlm-roberta": { ...POST, positions: "learned", firstPosition: 2 },
  camembert: { ...POST, positions: "learned", firstPosition: 2 },
  modernbert: {
    placement: "pre",
    positions: "rope",
    norm: "layer_norm",
    finalNorm: true,
    causal: false,
    gated: true,
    qkvLayout: "blocks",
    window: 64,
  },
  nomic_bert: {
    placement: "post",
    positions: "rope",
    norm: "layer_norm",
    finalNorm: false,
    causal: false,
    gated: true,
    qkvLayout: "blocks",
  },
  "openai-gpt": { ...DECODER, ...CONV1D, finalNorm: false, placement: "post", positions: "learned" },
  gpt2: { ...DECODER, ...CONV1D, positions: "learned" },
  imagegpt: { ...DECODER, ...CONV1D, norm: "rms_norm", positions: "learned" },
  // Queries, keys and values head by head where it has not one key for all heads, which its configuration says.
  gpt_bigcode: { ...DECODER, positions: "learned" },
  gpt_neo: { ...DECODER, positions: "learned", scoreFactor: 1, window: 256 },
  // Time is in the rows already: all of them get the first row of the position table.
  decision_transformer: { ...DECODER, ...CONV1D, positions: "constant" },
  gptj: { ...DECODER, placement: "parallel", positions: "rope" },
  codegen: { ...DECODER, placement: "parallel", positions: "rope", qkvLayout: "blocks_qvk" },
  gpt_neox: { ...DECODER, placement: "parallel", positions: "rope", qkvLayout: "heads" },
  phi: { ...DECODER, placement: "parallel", positions: "rope" },
  falcon: { ...DECODER, placement: "parallel", positions: "rope" },
  opt: { ...DECODER, eps: 1e-5, positions: "learned", firstPosition: 2 },
  biogpt: { ...DECODER, eps: 1e-5, positions: "learned", firstPosition: 2 },
  bloom: { ...DECODER, positions: "alibi", qkvLayout: "heads", beyond: ["a norm of the rows before the first block"] },
  mpt: { ...DECODER, positions: "alibi", qkvLayout: "blocks" },
  stablelm: { placement: "pre", positions: "rope", norm: "layer_norm", finalNorm: true, causal: true, gated: true },
  starcoder2: { ...DECODER, positions: "rope" },
  llama: LLAMA,
  mistral: { ...LLAMA, window: 4096 },
  qwen2: LLAMA,
  qwen3: { ...LLAMA, beyond: [QK_NORMS] },
  phi3: { ...LLAMA, qkvLayout: "blocks" },
  granite: { ...LLAMA, scoreFactor: 1 },
  cohere: { placement: "parallel", positions: "rope", norm: "layer_norm", finalNorm: true, causal: true, gated: true },
  smollm3: LLAMA,
  gemma: { ...LLAMA, norm: "rms_norm_plus_one" },
  gemma2: { ...LLAMA, norm: "rms_norm_plus_one", placement: "both", scoreFactor: 1 / 16, window: 4096 },
  gemma3_text: {
    ...LLAMA,
    norm: "rms_norm_plus_one",
    placement: "both",
    scoreFactor: 1 / 16,
    window: 4096,
    beyond: [QK_NORMS],
  },
  olmo2: { ...LLAMA, placement: "post", beyond: [QK_NORMS] },
  // Encoder and decoder have one form.
  bart: { ...LAYER_NORM, finalNorm: false, eps: 1e-5, placement: "post", positions: "learned", firstPosition: 2 },
  mbart: {
    ...LAYER_NORM,
    finalNorm: true,
    eps: 1e-5,
    placement: "pre",
    positions: "learned",
    firstPosition: 2,
    beyond: ["a norm of rows and positions before the first block (layernorm_embedding)"],
  },
  pegasus: { ...LAYER_NORM, finalNorm: true, eps: 1e-5, placement: "pre", positions: "table" },
  whisper: { ...LAYER_NORM, finalNorm: true, eps: 1e-5, placement: "pre", positions: "table" },
  marian: { ...LAYER_NORM, finalNorm: false, eps: 1e-5, placement: "post", positions: "table" },
  t5: { placement: "pre", positions: "relative", norm: "rms_norm", finalNorm: true, scoreFactor: 1 },
  umt5: { placement: "pre", positions: "relative", norm: "rms_norm", finalNorm: true, gated: true, scoreFactor: 1 },
};

/** Of a GGUF, whose names differ. Its vision towers all say `clip`, whatever they are. */
const GGUF_NAMES: Readonly<Record<string, string>> = {
  "nomic-bert": "nomic_bert",
  gptneox: "gpt_neox",
  phi2: "phi",
  gemma3: "gemma3_text",
  starcoder: "gpt_bigcode",
  "command-r": "cohere",
  "jina-bert-v2": "",
};

/** The architecture of a `model_type`, or undefined for one that is not in the table. */
export function architectureOf(name: string): Architecture | undefined {
  return Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined;
}

/** The same for `general.architecture` of a GGUF. */
export function ggufArchitectureOf(name: string): Architecture | undefined {
  return architectureOf(Object.hasOwn(GGUF_NAMES, name) ? (GGUF_NAMES[name] as string) : name);
}
