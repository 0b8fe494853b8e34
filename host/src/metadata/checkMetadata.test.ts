import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ModelConfig } from "../config/configSchema.js";
import { parseConfig } from "../config/parseConfig.js";
import { bertSmall, optSmall } from "../parity/misread.js";
import { checkPart, type MetadataCheck } from "./checkMetadata.js";
import { transformerParts } from "./describedParts.js";
import { ggufFacts } from "./ggufFacts.js";
import { huggingFaceFacts, isHuggingFaceConfig, preprocessorFacts } from "./huggingFaceFacts.js";
import type { ReadFacts } from "./modelFacts.js";

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../configs/${name}.json`, import.meta.url), "utf8"));
type Json = Record<string, unknown>;

function check(config: ModelConfig, ...reads: ReadFacts[]): MetadataCheck {
  const { pictures, rows } = transformerParts(config);
  const [first] = [...pictures, ...rows];
  if (first === undefined) throw new Error("no part");
  return checkPart(Object.assign({}, ...reads.map(({ facts }) => facts)), first.name, first.part, "c.json", first.rows);
}

/** As `transformers` writes it for the model of configs/vit-tiny-classifier.json. */
const VIT = {
  architectures: ["ViTForImageClassification"],
  model_type: "vit",
  hidden_size: 192,
  num_hidden_layers: 12,
  num_attention_heads: 3,
  intermediate_size: 768,
  hidden_act: "gelu",
  layer_norm_eps: 1e-12,
  image_size: 224,
  patch_size: 16,
  qkv_bias: true,
};
const VIT_PIXELS = {
  do_normalize: true,
  do_rescale: true,
  do_resize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
  rescale_factor: 0.00392156862745098,
  size: { height: 224, width: 224 },
};

function checkVit(metadata: Json = {}, pixels: Json = {}, edit: (part: Json) => void = () => {}): MetadataCheck {
  const config = read("vit-tiny-classifier");
  const encoder = Object.values(config.parts).find((part) => (part as Json).kind === "transformer") as Json;
  edit(encoder);
  return check(
    parseConfig(config, "c.json"),
    preprocessorFacts({ ...VIT_PIXELS, ...pixels }, "preprocessor_config.json"),
    huggingFaceFacts({ ...VIT, ...metadata }, true, "config.json"),
  );
}

function checkBert(said: Json, part: Json): MetadataCheck {
  return check(parseConfig(bertSmall().config(part), "c.json"), huggingFaceFacts(said, false, "config.json"));
}

describe("a ViT of Hugging Face", () => {
  test("agrees with its config in all that is compared, and nothing of note is left open", () => {
    const { checked, contradictions, unchecked } = checkVit();
    expect(contradictions).toEqual([]);
    expect(unchecked).toEqual([]);
    for (const what of [
      "norm placement",
      "positions",
      "heads",
      "width of a head",
      "activation",
      "epsilon of norms",
      "image mean",
      "patch size",
    ])
      expect(checked).toContain(what);
  });

  const cases: [string, Json, Json, (part: never) => void, string, string][] = [
    [
      "norm placement",
      { model_type: "swinv2" },
      {},
      () => {},
      'config.json model_type "swinv2" (norms after the halves',
      "(norms before the halves",
    ],
    [
      "positions",
      { rope_theta: 100 },
      {},
      () => {},
      "config.json rope_theta (rotary positions)",
      ".position (positions from a learned table)",
    ],
    ["heads", { num_attention_heads: 4 }, {}, () => {}, "num_attention_heads 4", ".attention.heads (3)"],
    ["width of a head", { head_dim: 32 }, {}, () => {}, "head_dim 32", ".attention.headDim (64)"],
    ["width", { hidden_size: 384, head_dim: 64 }, {}, () => {}, "hidden_size 384", ".width (192)"],
    ["layers", { num_hidden_layers: 24 }, {}, () => {}, "num_hidden_layers 24", ".layers (12)"],
    [
      "width of the feed-forward",
      { intermediate_size: 1024 },
      {},
      () => {},
      "intermediate_size 1024",
      ".ffn.hidden (768)",
    ],
    ["activation", { hidden_act: "gelu_new" }, {}, () => {}, 'hidden_act "gelu_new" (gelu_tanh)', ".ffn.act (gelu)"],
    ["epsilon of norms", { layer_norm_eps: 1e-6 }, {}, () => {}, "layer_norm_eps 0.000001", ".norm.eps (1e-12)"],
    ["patch size", { patch_size: 14 }, {}, () => {}, "patch_size 14", ".embedding.patch (16)"],
    [
      "image size",
      { image_size: [384, 224] },
      {},
      () => {},
      "config.json image_size [384,224] ([384, 224])",
      ".embedding.image ([224, 224])",
    ],
    [
      "image mean",
      {},
      { image_mean: [0.485, 0.456, 0.406] },
      () => {},
      "preprocessor_config.json image_mean",
      ".embedding.mean ([0.5, 0.5, 0.5])",
    ],
    ["image deviation", {}, { image_std: 0.25 }, () => {}, "image_std 0.25 ([0.25, 0.25, 0.25])", ".embedding.std"],
    [
      "causal attention",
      {},
      {},
      (part: { attention: Json }) => (part.attention.causal = true),
      "(false)",
      ".attention.causal (true)",
    ],
    ["registers", { num_register_tokens: 4 }, {}, () => {}, "num_register_tokens 4", ".embedding.registers (0)"],
    [
      "heads of keys and values",
      { num_key_value_heads: 1 },
      {},
      () => {},
      "num_key_value_heads 1",
      ".attention.kvHeads (3)",
    ],
  ];
  test.each(cases)("%s that differs is named with both places", (what, metadata, pixels, edit, theirs, ours) => {
    const { contradictions } = checkVit(metadata, pixels, edit as (part: Json) => void);
    const found = contradictions.find((contradiction) => contradiction.what === what);
    expect(contradictions.map((contradiction) => contradiction.what)).toContain(what);
    expect(found?.metadata).toContain(theirs);
    expect(found?.config).toContain(ours);
    expect(found?.config).toMatch(/^c\.json parts\./);
  });

  test("the size that pictures are cut to counts where the model does not say its own", () => {
    expect(checkVit({}, { do_center_crop: true, crop_size: 160 }).contradictions).toEqual([]);
    const { contradictions } = checkVit({ image_size: undefined }, { do_center_crop: true, crop_size: 160 });
    expect(contradictions.map(({ metadata }) => metadata)).toEqual([
      "preprocessor_config.json crop_size 160 ([160, 160])",
    ]);
  });

  test("a window that no key names is that of the architecture", () => {
    const sight = (config: Json) => huggingFaceFacts(config, false, "config.json").facts.rowsInSight?.value;
    expect(sight({ model_type: "gpt_neo" })).toBe(256);
    expect(sight({ model_type: "gpt_neo", attention_layers: ["global"] })).toBe(Number.POSITIVE_INFINITY);
    expect(sight({ model_type: "gpt2" })).toBe(Number.POSITIVE_INFINITY);
    expect(sight({ model_type: "mistral", sliding_window: null })).toBe(Number.POSITIVE_INFINITY);
    expect(sight({ model_type: "model_of_tomorrow" })).toBe(undefined);
  });

  test("BioGPT's norms have their own epsilon, whatever its configuration says", () => {
    const { eps } = huggingFaceFacts({ model_type: "biogpt", layer_norm_eps: 1e-12 }, false, "config.json").facts;
    expect(eps).toEqual({ value: 1e-5, place: 'config.json model_type "biogpt"' });
  });

  test("of an architecture that is not known, keys say where norms stand and what is causal", () => {
    const facts = (keys: Json) =>
      huggingFaceFacts({ model_type: "model_of_tomorrow", ...keys }, false, "config.json").facts;
    expect(facts({ do_stable_layer_norm: false }).normPlacement?.value).toBe("post");
    expect(facts({ norm_first: true }).normPlacement?.value).toBe("pre");
    expect(facts({ is_decoder: true }).causal?.value).toBe(true);
    expect(facts({})).toEqual({
      architecture: { value: "model_of_tomorrow", place: 'config.json model_type "model_of_tomorrow"' },
    });
  });

  test.each([
    ["gelu_python", "gelu"],
    ["gelu_accurate", "gelu_tanh"],
    ["gelu_python_tanh", "gelu_tanh"],
  ])("the spelling %s is the function %s", (spelling, act) => {
    expect(
      huggingFaceFacts({ model_type: "gpt2", hidden_act: spelling }, true, "config.json").facts.activation?.value,
    ).toEqual([act]);
  });

  test("a gated feed-forward has its own activation and width, whatever the others are", () => {
    const gated = { model_type: "dinov2", use_swiglu_ffn: true, hidden_size: 1536, mlp_ratio: 4, hidden_act: "gelu" };
    const { activation, hidden, gatedFfn } = huggingFaceFacts(gated, true, "config.json").facts;
    expect([activation?.value, hidden?.value, gatedFfn?.value]).toEqual([["silu"], 4096, true]);
  });

  test("pixels that are not normalised have mean 0 and deviation 1", () => {
    const { contradictions } = checkVit({}, { do_normalize: false });
    expect(contradictions.map(({ what }) => what)).toEqual(["image mean", "image deviation"]);
  });

  test("a norm after the last block that the part leaves out is told, and one too many is a contradiction", () => {
    const without = (part: Json) => {
      part.finalNorm = { kind: "none" };
      delete (part.weights as Json).finalNorm;
    };
    const told =
      'final norm: config.json model_type "vit" has one after the last block, ' +
      "which the part leaves to what takes its rows";
    expect(checkVit({}, {}, without)).toMatchObject({ contradictions: [], unchecked: [told] });
    expect(checkVit().checked).toContain("final norm");
    const unknown = checkVit({ model_type: "vit_of_tomorrow" }, {}, without);
    expect(unknown.unchecked).toContain("final norm");
    const bert = (part: Json) => checkBert({ model_type: "bert" }, part);
    expect(bert({ finalNorm: { kind: "layer_norm", eps: 1e-12, affine: false } }).contradictions).toContainEqual({
      what: "final norm",
      metadata: 'config.json model_type "bert" (no norm after the last block)',
      config: "c.json parts.body.finalNorm (a norm after the last block)",
    });
    expect(bert({ finalNorm: { kind: "none" } }).checked).toContain("final norm");
    const opt = (said: Json) => checkBert({ model_type: "opt", ...said }, { finalNorm: { kind: "none" } }).unchecked;
    expect(opt({})).toContainEqual(expect.stringMatching(/^final norm: config.json model_type "opt" has one/));
    for (const key of [{ _remove_final_layer_norm: true }, { do_layer_norm_before: false }])
      expect(opt(key).filter((text) => text.startsWith("final norm"))).toEqual([]);
    const gguf = check(
      parseConfig(bertSmall().config({ finalNorm: { kind: "none" } }), "c.json"),
      ggufFacts({ "general.architecture": "gpt2" }),
    );
    expect(gguf.unchecked).toContainEqual(expect.stringMatching(/^final norm: general.architecture "gpt2" has one/));
  });

  test("what is not said or not understood is named and is no contradiction", () => {
    const { layer_norm_eps: _eps, hidden_act: _act, ...less } = VIT;
    const config = parseConfig(read("vit-tiny-classifier"), "c.json");
    const unknown = huggingFaceFacts(
      { ...less, model_type: "vit_of_tomorrow", hidden_act: "xielu" },
      true,
      "config.json",
    );
    const { contradictions, unchecked } = check(config, unknown);
    expect(contradictions).toEqual([]);
    expect(unchecked).toEqual([
      "norm placement",
      "positions",
      "activation",
      "epsilon of norms",
      "causal attention",
      "factor on the scores",
      "windows of attention",
      "whether square weights are stored transposed",
      "image mean",
      "image deviation",
    ]);
    expect(unknown.unknown).toEqual([
      'what config.json model_type "vit_of_tomorrow" says of norms, positions and attention',
      'the activation: config.json hidden_act "xielu" is none that a config has',
    ]);
    const unscaled = preprocessorFacts(
      { ...VIT_PIXELS, rescale_factor: 1 / 127.5, size: { shortest_edge: 224 } },
      "p.json",
    );
    expect(unscaled.facts).toEqual({});
    expect(unscaled.unknown).toHaveLength(4);
  });

  test("of two towers the one that takes pictures counts", () => {
    const clip = {
      model_type: "clip",
      vision_config: { ...VIT, model_type: "clip_vision_model" },
      text_config: { hidden_size: 7 },
    };
    expect(huggingFaceFacts(clip, true, "config.json").facts.width).toEqual({
      value: 192,
      place: "config.json vision_config hidden_size 192",
    });
    expect(huggingFaceFacts(clip, false, "config.json").facts.width?.value).toBe(7);
  });

  test("a file that has no model_type is none of Hugging Face", () => {
    for (const other of [{ name: "lewm" }, [], null, "vit", { model_type: 3 }])
      expect(isHuggingFaceConfig(other)).toBe(false);
  });
});

describe("models that a wrong config packs without a word", () => {
  test("OPT: positions that begin at row 0 contradict, at row 2 they do not", () => {
    const opt = optSmall();
    const facts = huggingFaceFacts(opt.metadata, false, "config.json");
    const { contradictions } = check(parseConfig(opt.config(), "c.json"), facts);
    expect(contradictions).toEqual([
      {
        what: "where positions begin",
        metadata: 'config.json model_type "opt" (at row 2 of their table)',
        config: "c.json parts.body.firstPosition (at row 0 of their table)",
      },
    ]);
    expect(check(parseConfig(opt.config({ firstPosition: 2 }), "c.json"), facts).contradictions).toEqual([]);
  });

  test("OPT-350m: the norms of one model_type can stand on either side", () => {
    const opt = optSmall();
    const facts = huggingFaceFacts({ ...opt.metadata, do_layer_norm_before: false }, false, "config.json");
    const { contradictions } = check(parseConfig(opt.config({ firstPosition: 2 }), "c.json"), facts);
    expect(contradictions.map(({ metadata }) => metadata)).toEqual([
      "config.json do_layer_norm_before false (norms after the halves of a block)",
      "config.json do_layer_norm_before false (no norm after the last block)",
    ]);
  });

  test("BERT: its norms stand after the halves, and its positions are learned", () => {
    const bert = bertSmall();
    const { contradictions } = check(
      parseConfig(bert.config(), "c.json"),
      huggingFaceFacts(bert.metadata, false, "config.json"),
    );
    expect(contradictions.map(({ what }) => what)).toEqual(["norm placement", "positions"]);
    const decoder = huggingFaceFacts({ ...bert.metadata, is_decoder: true }, false, "config.json");
    expect(
      check(parseConfig(bert.config(), "c.json"), decoder).contradictions.map(({ metadata }) => metadata),
    ).toContain("config.json is_decoder true (true)");
  });
});

describe("a GGUF", () => {
  const config = (part: Json = {}) => parseConfig(optSmall().config({ firstPosition: 0, ...part }), "c.json");

  test("a language model's key/values, whose floats are of single precision", () => {
    const values = {
      "general.architecture": "gpt2",
      "gpt2.embedding_length": 32,
      "gpt2.block_count": 3,
      "gpt2.feed_forward_length": 64,
      "gpt2.attention.head_count": 4,
      "gpt2.attention.layer_norm_epsilon": Math.fround(1e-5),
    };
    expect(check(config(), ggufFacts(values))).toMatchObject({ contradictions: [], unchecked: ["activation"] });
    const other = { ...values, "gpt2.attention.head_count": 8, "gpt2.attention.layer_norm_epsilon": Math.fround(1e-6) };
    expect(check(config(), ggufFacts(other)).contradictions.map(({ what, metadata }) => [what, metadata])).toEqual([
      ["epsilon of norms", "gpt2.attention.layer_norm_epsilon 0.000001 (9.999999974752427e-7)"],
      ["epsilon of norms", "gpt2.attention.layer_norm_epsilon 0.000001 (9.999999974752427e-7)"],
      ["heads", "gpt2.attention.head_count 8 (8)"],
    ]);
  });

  test("rotary positions, gated feed-forward and rms norms of a llama", () => {
    const { contradictions } = check(
      config(),
      ggufFacts({ "general.architecture": "llama", "llama.rope.dimension_count": 8 }),
    );
    expect(contradictions.map(({ what }) => what)).toEqual([
      "positions",
      "kind of norm",
      "kind of the final norm",
      "gated feed-forward",
    ]);
  });

  const gguf = (keys: Json, architecture = "gpt2") =>
    ggufFacts({
      "general.architecture": architecture,
      ...Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${architecture}.${key}`, value])),
    });

  test.each([
    [{ "attention.scale": 0.5 }, "factor on the scores", "gpt2.attention.scale 0.5 (0.5)"],
    [
      { "attention.sliding_window": 5 },
      "windows of attention",
      "gpt2.attention.sliding_window 5 (some layers see no further than 5 rows)",
    ],
    [{ attn_logit_softcapping: 30 }, "scores that are capped softly", "gpt2.attn_logit_softcapping 30"],
    [{ "attention.clamp_kqv": 8 }, "queries, keys and values that are clipped", "gpt2.attention.clamp_kqv 8"],
    [{ residual_scale: 0.22 }, "a factor on what each half of a block adds", "gpt2.residual_scale 0.22"],
    [
      { use_parallel_residual: true },
      "norm placement",
      "gpt2.use_parallel_residual true (attention and feed-forward side by side)",
    ],
  ] as const)("%o is held against the config", (keys, what, theirs) => {
    const { contradictions } = check(config(), gguf(keys));
    expect(contradictions.map((found) => [found.what, found.metadata])).toEqual([[what, theirs]]);
  });

  test("keys that say nothing is done, and a window of as many rows, agree", () => {
    const neutral = {
      "attention.scale": 0,
      "attention.sliding_window": 6,
      attn_logit_softcapping: 0,
      residual_scale: 1,
      embedding_scale: 1,
    };
    expect(check(config(), gguf(neutral)).contradictions).toEqual([]);
  });

  test("the converter has turned what Conv1D stores, and put fused tensors in order", () => {
    const { attention, weights } = config().parts.body as { attention: Json; weights: { layer: Json } };
    const { q: _q, k: _k, v: _v, ...layer } = weights.layer;
    const turned = { weight: "blk.{i}.attn_output.weight", transposed: true };
    const fused = config({
      attention: { ...attention, qkv: "fused" },
      weights: { ...weights, layer: { ...layer, qkv: "blk.{i}.attn_qkv", out: turned } },
    });
    const { checked, contradictions } = check(fused, gguf({}, "bloom"));
    expect(checked).toContain("layout of the fused query, key and value");
    expect(contradictions.map(({ what }) => what)).toEqual([
      "positions",
      "transposed weights",
      "a norm of the rows before the first block",
    ]);
  });

  test("what embeddings are multiplied by is said, since rows are given as they are", () => {
    expect(gguf({ embedding_scale: 12 }).unknown).toEqual([
      "what rows are: gpt2.embedding_scale 12 multiplies embeddings before the first block, which the part leaves " +
        "to whoever gives it rows",
    ]);
  });

  test("a vision tower says mean and deviation, and of GELU that it is one", () => {
    const values = {
      "general.architecture": "clip",
      "clip.use_gelu": true,
      "clip.vision.patch_size": 16,
      "clip.vision.image_size": 224,
      "clip.vision.image_mean": Float32Array.of(0.48, 0.45, 0.4),
      "clip.vision.image_std": Float32Array.of(0.5, 0.5, 0.5),
    };
    const { contradictions, unchecked } = check(parseConfig(read("vit-tiny-classifier"), "c.json"), ggufFacts(values));
    expect(contradictions.map(({ what }) => what)).toEqual(["image mean"]);
    expect(unchecked).toEqual([
      "norm placement",
      "positions",
      "heads",
      "epsilon of norms",
      "causal attention",
      "factor on the scores",
      "windows of attention",
    ]);
  });

  test("without an architecture nothing is known", () => {
    expect(ggufFacts({})).toEqual({ facts: {}, unknown: ["anything: the GGUF has no general.architecture"] });
  });
});
