import type { Architecture } from "./architectures.js";
import type { Keys } from "./keys.js";
import type { Fact } from "./modelFacts.js";

/** A key of a Hugging Face configuration, and what it means where it has a value that is not the neutral one. */
interface Meaning {
  readonly keys: readonly string[];
  readonly what: string;
}

/** Factors, which do nothing at 1. */
const FACTORS: readonly Meaning[] = [
  {
    keys: ["residual_multiplier", "residual_scale", "scale_depth", "scale_resid"],
    what: "a factor on what each half of a block adds",
  },
  {
    keys: ["key_multiplier", "attention_in_multiplier", "attention_out_multiplier"],
    what: "a factor within attention",
  },
];
/** Bounds and counts, which do nothing when they are absent or 0. */
const AMOUNTS: readonly Meaning[] = [
  {
    keys: ["attn_logit_softcapping", "attn_logit_softcap", "attention_logit_cap"],
    what: "scores that are capped softly",
  },
  { keys: ["clip_qkv", "qkv_clip"], what: "queries, keys and values that are clipped" },
];
const SWITCHES: readonly Meaning[] = [
  { keys: ["use_qk_norm", "qk_norm", "qk_layernorm", "use_qk_layernorm", "qk_ln"], what: "norms of queries and keys" },
  { keys: ["apply_residual_connection_post_layernorm"], what: "halves that add to what their norm gives" },
  { keys: ["add_cross_attention"], what: "attention to the rows of an encoder" },
  { keys: ["use_logn_attn", "attn_temperature_tuning"], what: "scores that depend on the number of rows" },
];
/** Experts beside each other, of which rows choose. One is none. */
const EXPERTS = ["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"];

/** What a model does that no config can say: by its architecture, and by keys whatever its architecture is. */
export function beyondFacts(
  architecture: Architecture | undefined,
  read: Keys,
  type: string,
): readonly Fact<string>[] | undefined {
  const scopes = [read, read.inner("attn_config")].flatMap((scope) => scope ?? []);
  const found = [
    ...(architecture?.beyond ?? []).map((value) => ({ value, place: `${read.at} model_type "${type}"` })),
    ...scopes.flatMap((scope) => [
      ...meant(
        FACTORS,
        (key) => scope.number(key),
        (value) => value !== 1,
      ),
      ...meant(
        AMOUNTS,
        (key) => scope.number(key),
        (value) => value > 0,
      ),
      ...meant(
        SWITCHES,
        (key) => scope.flag(key),
        (value) => value,
      ),
    ]),
    ...meant(
      [{ keys: EXPERTS, what: "experts of which rows choose" }],
      (key) => read.size(key),
      (value) => value > 1,
    ),
    ...sparse(read),
    ...otherLayers(read),
  ];
  return found.length === 0 ? undefined : found;
}

function meant<Value>(
  meanings: readonly Meaning[],
  find: (key: string) => Fact<Value> | undefined,
  matters: (value: Value) => boolean,
): Fact<string>[] {
  return meanings.flatMap(({ keys, what }) => {
    const found = keys.map(find).find((fact) => fact !== undefined && matters(fact.value));
    return found === undefined ? [] : [{ value: what, place: found.place }];
  });
}

/** BigBird's and its kin's attention to blocks of rows. */
function sparse(read: Keys): Fact<string>[] {
  const kind = read.text("attention_type");
  return kind !== undefined && /sparse/.test(kind.value)
    ? [{ value: "attention to some blocks of rows", place: kind.place }]
    : [];
}

/** Layers that are no attention: state spaces, convolutions, recurrences. */
function otherLayers(read: Keys): Fact<string>[] {
  const layers = read.texts("layer_types", "layers_block_type", "attention_layers");
  const other = layers?.value.find((layer) => !/^(full|sliding|chunked|local|global|attention|attn)/.test(layer));
  return layers === undefined || other === undefined
    ? []
    : [{ value: `layers of kind ${JSON.stringify(other.slice(0, 40))}`, place: layers.place }];
}

/**
 * What has been done to rows before they come to a part that takes them as they are: whoever makes the rows has to do
 * it too.
 */
export function rowsNote(place: string, does: string): string {
  return `what rows are: ${place} ${does} before the first block, which the part leaves to whoever gives it rows`;
}

/** All that a Hugging Face configuration says of it. */
export function rowsNotes(read: Keys, width: Fact<number> | undefined): string[] {
  const scaled = read.flag("scale_embedding");
  const factor = read.number("embedding_multiplier", "embedding_scale", "scale_emb");
  const narrow = read.size("embedding_size", "word_embed_proj_dim");
  return [
    ...(scaled?.value === true ? [rowsNote(scaled.place, "multiplies embeddings by the root of their width")] : []),
    ...(factor !== undefined && factor.value !== 1 ? [rowsNote(factor.place, "multiplies embeddings")] : []),
    ...(narrow !== undefined && width !== undefined && narrow.value !== width.value
      ? [rowsNote(narrow.place, "projects embeddings")]
      : []),
  ];
}
