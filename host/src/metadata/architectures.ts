import type { NormKind, NormPlacement, PositionKind } from "./modelFacts.js";

/** What the name of an architecture says that no key of its configuration does. */
export interface Architecture {
  readonly placement: NormPlacement;
  readonly positions: PositionKind;
  /** The row of the position table that the first row gets; 0 when absent. */
  readonly firstPosition?: number;
  readonly norm?: NormKind;
  readonly causal?: boolean;
  readonly gated?: boolean;
}

const LAYER_NORM = { norm: "layer_norm", gated: false } as const;
/** Image encoders: all patches see each other. */
const VISION = { ...LAYER_NORM, placement: "pre", causal: false } as const;
const DECODER = { ...LAYER_NORM, placement: "pre", causal: true } as const;
const POST = { ...LAYER_NORM, placement: "post", causal: false } as const;
const LLAMA = { placement: "pre", positions: "rope", norm: "rms_norm", causal: true, gated: true } as const;

/** By `model_type` of Hugging Face's `transformers`, as its modelling code (5.23) and the papers have them. */
const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  vit: { ...VISION, positions: "learned" },
  vit_mae: { ...VISION, positions: "table" },
  vit_msn: { ...VISION, positions: "learned" },
  deit: { ...VISION, positions: "learned" },
  ijepa: { ...VISION, positions: "table" },
  vjepa2: { ...VISION, positions: "rope" },
  yolos: { ...VISION, positions: "learned" },
  vivit: { ...VISION, positions: "learned" },
  videomae: { ...VISION, positions: "table" },
  beit: { ...VISION, positions: "relative" },
  "data2vec-vision": { ...VISION, positions: "relative" },
  // SwiGLU in the giant one alone, which its configuration says.
  dinov2: { placement: "pre", positions: "learned", norm: "layer_norm", causal: false },
  dinov2_with_registers: { placement: "pre", positions: "learned", norm: "layer_norm", causal: false },
  dinov3_vit: { placement: "pre", positions: "rope", norm: "layer_norm", causal: false },
  clip_vision_model: { ...VISION, positions: "learned" },
  siglip_vision_model: { ...VISION, positions: "learned" },
  swin: { ...VISION, positions: "relative" },
  swinv2: { ...VISION, placement: "post", positions: "relative" },
  clip_text_model: { ...DECODER, positions: "learned" },
  bert: { ...POST, positions: "learned" },
  electra: { ...POST, positions: "learned" },
  distilbert: { ...POST, positions: "learned" },
  albert: { ...POST, positions: "learned" },
  mpnet: { ...POST, positions: "relative" },
  deberta: { ...POST, positions: "relative" },
  "deberta-v2": { ...POST, positions: "relative" },
  // Their first position is one after the padding token's number, which is 1 in all that were published.
  roberta: { ...POST, positions: "learned", firstPosition: 2 },
  "xlm-roberta": { ...POST, positions: "learned", firstPosition: 2 },
  camembert: { ...POST, positions: "learned", firstPosition: 2 },
  modernbert: { placement: "pre", positions: "rope", norm: "layer_norm", causal: false, gated: true },
  nomic_bert: { placement: "post", positions: "rope", norm: "layer_norm", causal: false, gated: true },
  "openai-gpt": { ...DECODER, placement: "post", positions: "learned" },
  gpt2: { ...DECODER, positions: "learned" },
  gpt_bigcode: { ...DECODER, positions: "learned" },
  gpt_neo: { ...DECODER, positions: "learned" },
  decision_transformer: { ...DECODER, positions: "learned" },
  gptj: { ...DECODER, placement: "parallel", positions: "rope" },
  gpt_neox: { ...DECODER, placement: "parallel", positions: "rope" },
  phi: { ...DECODER, placement: "parallel", positions: "rope" },
  falcon: { ...DECODER, placement: "parallel", positions: "rope" },
  opt: { ...DECODER, positions: "learned", firstPosition: 2 },
  biogpt: { ...DECODER, positions: "learned", firstPosition: 2 },
  bloom: { ...DECODER, positions: "alibi" },
  mpt: { ...DECODER, positions: "alibi" },
  stablelm: { placement: "pre", positions: "rope", norm: "layer_norm", causal: true, gated: true },
  starcoder2: { ...DECODER, positions: "rope" },
  llama: LLAMA,
  mistral: LLAMA,
  qwen2: LLAMA,
  qwen3: LLAMA,
  phi3: LLAMA,
  smollm3: LLAMA,
  gemma: { ...LLAMA, norm: "rms_norm_plus_one" },
  gemma2: { ...LLAMA, norm: "rms_norm_plus_one", placement: "both" },
  gemma3_text: { ...LLAMA, norm: "rms_norm_plus_one", placement: "both" },
  olmo2: { ...LLAMA, placement: "post" },
  // Encoder and decoder have one form.
  bart: { ...LAYER_NORM, placement: "post", positions: "learned", firstPosition: 2 },
  mbart: { ...LAYER_NORM, placement: "pre", positions: "learned", firstPosition: 2 },
  pegasus: { ...LAYER_NORM, placement: "pre", positions: "table" },
  whisper: { ...LAYER_NORM, placement: "pre", positions: "table" },
  marian: { ...LAYER_NORM, placement: "post", positions: "table" },
  t5: { placement: "pre", positions: "relative", norm: "rms_norm" },
  umt5: { placement: "pre", positions: "relative", norm: "rms_norm", gated: true },
};

/** Of a GGUF, whose names differ. Its vision towers all say `clip`, whatever they are. */
const GGUF_NAMES: Readonly<Record<string, string>> = {
  "nomic-bert": "nomic_bert",
  gptneox: "gpt_neox",
  phi2: "phi",
  gemma3: "gemma3_text",
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
