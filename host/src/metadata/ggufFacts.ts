import { type Architecture, ggufArchitectureOf } from "./architectures.js";
import { rowsNote } from "./beyondFacts.js";
import { defined, type Fact, type ModelFacts, type ReadFacts, type ScoreFactor } from "./modelFacts.js";

type Values = Readonly<Record<string, unknown>>;

/**
 * What multiplies these weights takes them in this order alone, so the converter has turned what was stored the other
 * way round.
 */
const TURNED = { value: false, place: "GGUF" } as const;

/** The facts of a GGUF's key/values. Specification: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
export function ggufFacts(values: Values): ReadFacts {
  const name = values["general.architecture"];
  if (typeof name !== "string") return { facts: {}, unknown: ["anything: the GGUF has no general.architecture"] };
  return name === "clip" ? visionFacts(values) : languageFacts(values, name);
}

function languageFacts(values: Values, name: string): ReadFacts {
  const place = `general.architecture "${name}"`;
  const by = <Value>(value: Value | undefined): Fact<Value> | undefined =>
    value === undefined ? undefined : { value, place };
  const architecture = ggufArchitectureOf(name);
  const number = numbersOf(values, name);
  const causal = values[`${name}.attention.causal`];
  const rope = number("rope.freq_base") ?? number("rope.dimension_count");
  const facts: ModelFacts = defined({
    architecture: by(name),
    normPlacement: sideBySide(values, name) ?? by(architecture?.placement),
    positions: rope === undefined ? by(architecture?.positions) : { value: "rope" as const, place: rope.place },
    // The converter has cut away the rows before the first position.
    firstPosition: architecture?.positions === "learned" ? by(0) : undefined,
    // The converter has added the 1.
    norm: by(architecture?.norm === "rms_norm_plus_one" ? "rms_norm" : architecture?.norm),
    finalNorm: by(architecture?.finalNorm),
    causal:
      typeof causal === "boolean"
        ? { value: causal, place: `${name}.attention.causal ${causal}` }
        : by(architecture?.causal),
    gatedFfn: by(architecture?.gated),
    eps: number("attention.layer_norm_epsilon") ?? number("attention.layer_norm_rms_epsilon"),
    ...sizes(number),
    scoreFactor:
      scoreFactorOf(number) ?? by<ScoreFactor>(architecture && { factor: architecture.scoreFactor ?? "head" }),
    rowsInSight:
      windowOf(number, architecture) ?? by(architecture && (architecture.window ?? Number.POSITIVE_INFINITY)),
    // The converter has put fused tensors in order.
    qkvLayout: by(architecture && ("blocks" as const)),
    transposed: TURNED,
    beyond: beyondOf(number, architecture, place),
    headDim: number("attention.key_length"),
    kvHeads: number("attention.head_count_kv"),
  });
  const scale = number("embedding_scale");
  const unknown = [
    ...(architecture === undefined ? [`what ${place} says of norms, positions and attention`] : []),
    ...(scale === undefined || scale.value === 1 ? [] : [rowsNote(scale.place, "multiplies embeddings")]),
  ];
  return { facts, unknown };
}

function sideBySide(values: Values, name: string): ModelFacts["normPlacement"] {
  const parallel = values[`${name}.use_parallel_residual`];
  return typeof parallel === "boolean"
    ? { value: parallel ? "parallel" : "pre", place: `${name}.use_parallel_residual ${parallel}` }
    : undefined;
}

function scoreFactorOf(number: NumberOf): Fact<ScoreFactor> | undefined {
  const scale = number("attention.scale");
  // 0 is written where nothing is meant.
  return scale === undefined || scale.value === 0 ? undefined : { value: { factor: scale.value }, place: scale.place };
}

function windowOf(number: NumberOf, architecture: Architecture | undefined): Fact<number> | undefined {
  const window = number("attention.sliding_window");
  if (window === undefined) return undefined;
  if (window.value === 0) return { value: Number.POSITIVE_INFINITY, place: window.place };
  // Where rows see both sides, the window has half of it on each.
  return {
    value: architecture?.causal === false ? Math.floor(window.value / 2) + 1 : window.value,
    place: window.place,
  };
}

/** What no config can say, by keys that change numbers without a tensor. */
const BEYOND = [
  ["attn_logit_softcapping", 0, "scores that are capped softly"],
  ["attention.clamp_kqv", 0, "queries, keys and values that are clipped"],
  ["residual_scale", 1, "a factor on what each half of a block adds"],
  ["expert_count", 0, "experts of which rows choose"],
  ["attention.max_alibi_bias", 0, "biases of attention by distance (ALiBi)"],
] as const;

function beyondOf(
  number: NumberOf,
  architecture: Architecture | undefined,
  place: string,
): readonly Fact<string>[] | undefined {
  const found = [
    ...(architecture?.beyond ?? []).map((value) => ({ value, place })),
    ...BEYOND.flatMap(([key, neutral, value]) => {
      const fact = number(key);
      return fact === undefined || fact.value === neutral ? [] : [{ value, place: fact.place }];
    }),
  ];
  return found.length === 0 ? undefined : found;
}

/**
 * A vision tower (`mmproj`): pre-norm, with learned positions, in all models that the format was made for but those
 * with rope.
 */
function visionFacts(values: Values): ReadFacts {
  const number = numbersOf(values, "clip.vision");
  const channels = (key: string): Fact<readonly number[]> | undefined => {
    const value = values[`clip.vision.${key}`];
    const list =
      ArrayBuffer.isView(value) || Array.isArray(value) ? Array.from(value as unknown as ArrayLike<number>) : [];
    return list.length === 3 ? { value: list, place: `clip.vision.${key} [${list.join(", ")}]` } : undefined;
  };
  const side = number("image_size");
  const facts: ModelFacts = defined({
    architecture: { value: "clip", place: 'general.architecture "clip"' },
    eps: number("attention.layer_norm_epsilon"),
    ...sizes(number),
    image: side && { value: [side.value, side.value] as const, place: side.place },
    patch: number("patch_size"),
    activation: activationOf(values),
    transposed: TURNED,
    mean: channels("image_mean"),
    std: channels("image_std"),
  });
  return {
    facts,
    unknown: ['norm placement and positions: a GGUF of architecture "clip" does not say which vision tower it is'],
  };
}

/** The format knows one GELU for both forms, and a third where it says nothing. */
function activationOf(values: Values): ModelFacts["activation"] {
  if (values["clip.use_silu"] === true) return { value: ["silu"], place: "clip.use_silu true" };
  if (values["clip.use_gelu"] === true) return { value: ["gelu", "gelu_tanh"], place: "clip.use_gelu true" };
  return undefined;
}

type NumberOf = (key: string) => Fact<number> | undefined;

function sizes(number: NumberOf): ModelFacts {
  return {
    width: number("embedding_length"),
    layers: number("block_count"),
    heads: number("attention.head_count"),
    hidden: number("feed_forward_length"),
  } as ModelFacts;
}

function numbersOf(values: Values, prefix: string): NumberOf {
  return (key) => {
    const value = values[`${prefix}.${key}`];
    return typeof value === "number" ? { value, place: `${prefix}.${key} ${Number(value.toPrecision(7))}` } : undefined;
  };
}
