import type { Architecture } from "./architectures.js";
import type { Keys } from "./keys.js";
import { defined, type Fact, type ModelFacts, type QkvLayout, type ScoreFactor } from "./modelFacts.js";

/** Layers of `layer_types` and `attention_types` that do not see all rows. */
const LOCAL = /sliding|local|chunked|window/;

/**
 * How rows attend to each other, by the keys of a Hugging Face configuration and, where they say nothing, by its
 * architecture.
 */
export function attentionFacts(architecture: Architecture | undefined, read: Keys, type: string): ModelFacts {
  const by = <Value>(value: Value | undefined): Fact<Value> | undefined =>
    architecture === undefined || value === undefined ? undefined : { value, place: `${read.at} model_type "${type}"` };
  return defined({
    scoreFactor: scoreFactorOf(read) ?? by<ScoreFactor>({ factor: architecture?.scoreFactor ?? "head" }),
    rowsInSight: rowsInSightOf(read, architecture?.window) ?? by(architecture?.window ?? Number.POSITIVE_INFINITY),
    qkvLayout: qkvLayoutOf(read, type) ?? by(architecture?.qkvLayout),
    transposed: by(architecture?.transposed === true),
  });
}

function scoreFactorOf(read: Keys): Fact<ScoreFactor> | undefined {
  const given = read.number("attention_multiplier") ?? read.inner("attn_config")?.number("softmax_scale");
  if (given !== undefined) return { value: { factor: given.value }, place: given.place };
  const scalar = read.number("query_pre_attn_scalar");
  if (scalar !== undefined) return { value: { factor: scalar.value ** -0.5 }, place: scalar.place };
  const scaled = read.flag("scale_attn_weights");
  const byLayer = read.flag("scale_attn_by_inverse_layer_idx");
  const factor = scaled?.value === false ? 1 : "head";
  if (byLayer?.value === true) return { value: { factor, byLayer: true }, place: byLayer.place };
  return scaled && { value: { factor }, place: scaled.place };
}

/** The rows of which each sees all others in every layer. */
function rowsInSightOf(read: Keys, unsaid: number | undefined): Fact<number> | undefined {
  const unused = read.flag("use_sliding_window");
  const layers = read.texts("layer_types", "attention_layers") ?? layersOf(read);
  if (layers !== undefined && !layers.value.some((layer) => LOCAL.test(layer))) return endless(layers);
  const half = read.size("local_attention");
  // So many rows in all, half of them on each side.
  if (half !== undefined) return { value: Math.floor(half.value / 2) + 1, place: half.place };
  if (unused?.value === false && layers === undefined) return endless(unused);
  const sides = read.sizes("attention_window");
  // One a layer, half of it on each side.
  if (sides !== undefined) return { value: Math.floor(Math.min(...sides.value) / 2) + 1, place: sides.place };
  const window = read.size("sliding_window", "attention_window", "attention_chunk_size", "window_size");
  if (window !== undefined && read.flag("use_bidirectional_attention")?.value === true)
    return { value: Math.floor(window.value / 2) + 1, place: window.place };
  if (window !== undefined) return window;
  if (read.isNull("sliding_window"))
    return { value: Number.POSITIVE_INFINITY, place: `${read.at} sliding_window null` };
  // Layers see a window whose size is the class's.
  return layers && { value: unsaid ?? 1, place: layers.place };
}

const endless = ({ place }: Fact<unknown>): Fact<number> => ({ value: Number.POSITIVE_INFINITY, place });

/** GPT-Neo writes them as patterns that repeat: [[["global", "local"], 12]]. */
function layersOf(read: Keys): Fact<readonly string[]> | undefined {
  const types = read.list("attention_types");
  if (types === undefined) return undefined;
  const names = types.value.flat(3).filter((item): item is string => typeof item === "string");
  return names.length === 0 ? undefined : { value: names, place: types.place };
}

function qkvLayoutOf(read: Keys, type: string): Fact<QkvLayout> | undefined {
  if (type !== "gpt_bigcode" && type !== "falcon") return undefined;
  const grouped = read.flag("new_decoder_architecture");
  if (grouped?.value === true) return { value: "groups", place: grouped.place };
  const one = read.flag("multi_query");
  const place = one?.place ?? `${read.at} model_type "${type}"`;
  return { value: one?.value === false ? "heads" : "blocks", place };
}
