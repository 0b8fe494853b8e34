import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runInside } from "../cli/testing/cliHarness.js";
import { writeSeededCheckpoint } from "../parity/seededCheckpoint.js";

const [WIDTH, HEADS, HIDDEN, ROWS, SEED] = [16, 2, 32, 6, 1];
type Json = Readonly<Record<string, unknown>>;

/**
 * Of a decoder as GPT-2 names its tensors: fused query, key and value, and square `c_proj`, whose shape says nothing.
 */
const SHAPES = new Map<string, readonly number[]>([
  ["wpe.weight", [ROWS, WIDTH]],
  ["h.0.attn.c_attn.weight", [3 * WIDTH, WIDTH]],
  ["h.0.attn.c_proj.weight", [WIDTH, WIDTH]],
  ["h.0.mlp.c_fc.weight", [HIDDEN, WIDTH]],
  ["h.0.mlp.c_proj.weight", [WIDTH, HIDDEN]],
  ...["ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias"].map((name): [string, number[]] => [
    `h.0.${name}`,
    [WIDTH],
  ]),
]);
/** As Conv1D keeps them, [in, out]. */
const TURNED = new Map([...SHAPES].map(([name, shape]) => [name, name.includes(".c_") ? [...shape].reverse() : shape]));

const METADATA = {
  hidden_size: WIDTH,
  num_hidden_layers: 1,
  intermediate_size: HIDDEN,
  layer_norm_epsilon: 1e-5,
  activation_function: "gelu",
};
const metadata = (type: string, more: Json = {}): Json => ({
  ...METADATA,
  model_type: type,
  num_attention_heads: HEADS,
  ...more,
});

const plain = (name: string): unknown => `h.{i}.${name}`;
const conv1d = (name: string): unknown => ({ weight: `h.{i}.${name}.weight`, transposed: true });

function part(attention: Json = {}, of: (name: string) => unknown = plain, layer: Json = {}): Json {
  const heads = { heads: HEADS, headDim: WIDTH / HEADS, causal: true, qkv: "fused", qkvBias: false, outBias: false };
  return {
    kind: "transformer",
    width: WIDTH,
    layers: 1,
    embedding: { kind: "rows" },
    position: "learned",
    norm: { kind: "layer_norm", eps: 1e-5 },
    finalNorm: { kind: "layer_norm", eps: 1e-5, affine: false },
    attention: { ...heads, ...attention },
    ffn: { kind: "mlp", hidden: HIDDEN, act: "gelu", bias: false },
    weights: {
      position: "wpe.weight",
      layer: {
        norm1: "h.{i}.ln_1",
        qkv: of("attn.c_attn"),
        out: of("attn.c_proj"),
        norm2: "h.{i}.ln_2",
        up: of("mlp.c_fc"),
        down: of("mlp.c_proj"),
        ...layer,
      },
    },
  };
}

/** Without positions, which the model has added already. */
function placeless({ weights, ...rest }: Json): Json {
  const { position: _, ...others } = weights as Json;
  return { ...rest, position: "none", weights: others };
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "synapse-forms-"));
  for (const [name, shapes] of [
    ["plain", SHAPES],
    ["turned", TURNED],
  ] as const) {
    await mkdir(join(folder, name));
    await writeSeededCheckpoint(join(folder, name, "model.safetensors"), shapes, SEED);
  }
});
afterAll(() => rm(folder, { recursive: true }));

async function pack(stored: "plain" | "turned", said: Json, body: Json, ignore: readonly string[] = []) {
  const entry = {
    rowsMax: ROWS,
    inputs: { rows: { kind: "tensor", width: WIDTH } },
    steps: [{ part: "body", x: "rows", as: "hidden" }],
    outputs: { hidden: "tensor" },
  };
  await writeFile(join(folder, stored, "config.json"), JSON.stringify(said));
  await writeFile(
    join(folder, "c.json"),
    JSON.stringify({ name: "tiny", entries: { run: entry }, parts: { body }, ignore }),
  );
  const [weights, config, out] = [
    join(folder, stored, "model.safetensors"),
    join(folder, "c.json"),
    join(folder, "tiny.syn"),
  ];
  const { code, stdout } = await runInside(["pack", weights, "--config", config, "--type", "f32", "-o", out, "--json"]);
  return { code, ...JSON.parse(stdout) };
}

/** A place in the config, and what it says there. */
const ours = (path: string, value: string) => `c.json parts.body${path} (${value})`;

const gpt2 = part({}, conv1d);
const refused: [string, "plain" | "turned", Json, Json, string, string][] = [
  [
    "a square weight of a Conv1D that is read as a linear layer's",
    "turned",
    metadata("gpt2"),
    part({}, conv1d, { out: plain("attn.c_proj") }),
    'transposed weights: config.json model_type "gpt2" (stored [in, out])',
    ours(".weights.layer.out", "stored [out, in]"),
  ],
  [
    "a square weight of a linear layer that is read as a Conv1D's",
    "plain",
    metadata("opt", { layer_norm_eps: 1e-5 }),
    part({}, plain, { out: conv1d("attn.c_proj") }),
    'transposed weights: config.json model_type "opt" (stored [out, in])',
    ours(".weights.layer.out", "stored [in, out]"),
  ],
  [
    "scores without a factor",
    "turned",
    metadata("gpt2", { scale_attn_weights: false }),
    gpt2,
    "factor on the scores: config.json scale_attn_weights false (1)",
    ours(".attention.headDim", "0.3535534"),
  ],
  [
    "a factor that each layer has for itself",
    "turned",
    metadata("gpt2", { scale_attn_by_inverse_layer_idx: true }),
    part({ scale: 0.25 }, conv1d),
    "factor on the scores: config.json scale_attn_by_inverse_layer_idx true (0.3535534 over the layer's number)",
    ours(".attention.scale", "0.25"),
  ],
  [
    "an architecture whose scores have no factor",
    "plain",
    metadata("gpt_neo", { attention_types: [[["global"], 1]] }),
    part(),
    'factor on the scores: config.json model_type "gpt_neo" (1)',
    ours(".attention.headDim", "0.3535534"),
  ],
  [
    "a factor by a key, of an architecture that is not known",
    "plain",
    metadata("granite_of_tomorrow", { attention_multiplier: 0.0625 }),
    part(),
    "factor on the scores: config.json attention_multiplier 0.0625 (0.0625)",
    ours(".attention.headDim", "0.3535534"),
  ],
  [
    "heads that are called num_heads",
    "plain",
    { ...METADATA, model_type: "gpt_neo", num_heads: 4 },
    part({ scale: 1 }),
    "heads: config.json num_heads 4 (4)",
    ours(".attention.heads", "2"),
  ],
  [
    "a window that runs can be longer than",
    "plain",
    metadata("gpt_neo", { attention_types: [[["global", "local"], 1]], window_size: ROWS - 1 }),
    part({ scale: 1 }),
    "windows of attention: config.json window_size 5 (some layers see no further than 5 rows)",
    ours("", "all of up to 6 rows see each other"),
  ],
  [
    "a window on both sides, of which half is behind",
    "plain",
    metadata("encoder_of_tomorrow", { layer_types: ["sliding_attention"], local_attention: ROWS }),
    part(),
    "windows of attention: config.json local_attention 6 (some layers see no further than 4 rows)",
    ours("", "all of up to 6 rows see each other"),
  ],
  [
    "a window of each layer, half of it on each side",
    "plain",
    metadata("longformer_of_tomorrow", { attention_window: [64, 8] }),
    part(),
    "windows of attention: config.json attention_window [64,8] (some layers see no further than 5 rows)",
    ours("", "all of up to 6 rows see each other"),
  ],
  [
    "a decoder, which attends to an encoder's rows as well",
    "plain",
    metadata("pegasus", { is_encoder_decoder: true }),
    part(),
    "causal attention: config.json is_encoder_decoder true, of whose halves a config can say the encoder (false)",
    ours(".attention.causal", "true"),
  ],
  [
    "positions of a stored table that begin two rows late",
    "plain",
    metadata("pegasus"),
    { ...part(), firstPosition: 2, positions: 9 },
    'where positions begin: config.json model_type "pegasus" (at row 0 of their table)',
    ours(".firstPosition", "at row 2 of their table"),
  ],
  [
    "query, key and value of each head together",
    "plain",
    metadata("gpt_bigcode", { multi_query: false }),
    part(),
    "layout of the fused query, key and value: config.json multi_query false (q, k and v of each head together)",
    ours(".attention.qkv", "all rows of q, then k, then v"),
  ],
  [
    "one key for all heads",
    "plain",
    metadata("gpt_bigcode"),
    part(),
    'heads of keys and values: config.json model_type "gpt_bigcode" (1)',
    ours(".attention.kvHeads", "2"),
  ],
  [
    "positions that are the same for all rows",
    "turned",
    metadata("decision_transformer"),
    gpt2,
    'positions: config.json model_type "decision_transformer" (the first row of the position table for all rows)',
    ours(".position", "positions from a learned table"),
  ],
  ...(
    [
      [{ attn_logit_softcapping: 30 }, "scores that are capped softly: config.json attn_logit_softcapping 30"],
      [
        { residual_multiplier: 0.22 },
        "a factor on what each half of a block adds: config.json residual_multiplier 0.22",
      ],
      [{ clip_qkv: 8 }, "queries, keys and values that are clipped: config.json clip_qkv 8"],
      [{ qk_layernorm: true }, "norms of queries and keys: config.json qk_layernorm true"],
      [{ attn_config: { qk_ln: true } }, "norms of queries and keys: config.json attn_config qk_ln true"],
      [
        { attention_type: "block_sparse" },
        'attention to some blocks of rows: config.json attention_type "block_sparse"',
      ],
      [
        { layer_types: ["full_attention", "mamba"] },
        'layers of kind "mamba": config.json layer_types ["full_attention","mamba"]',
      ],
      [{ num_local_experts: 4 }, "experts of which rows choose: config.json num_local_experts 4"],
    ] as const
  ).map(([keys, theirs]): (typeof refused)[number] => [
    theirs,
    "plain",
    metadata("gpt_of_tomorrow", keys),
    part(),
    theirs,
    "c.json parts.body, which has no such thing",
  ]),
];

describe("what a config says otherwise, or cannot say, is refused with both places", () => {
  test.each(refused)("%s", async (_, stored, said, body, theirs, own) => {
    const { code, error } = await pack(stored, said, body);
    expect({ code, error: error?.code }).toEqual({ code: 2, error: "METADATA_CONTRADICTS" });
    expect(error.message).toContain(`${theirs}, but `);
    expect(error.message).toContain(own);
  });
});

const agreed: [string, "plain" | "turned", Json, Json, readonly string[]][] = [
  ["a Conv1D", "turned", metadata("gpt2"), gpt2, []],
  [
    "a factor that the config says",
    "turned",
    metadata("gpt2", { scale_attn_weights: false }),
    part({ scale: 1 }, conv1d),
    [],
  ],
  [
    "a window of as many rows as a run has",
    "plain",
    {
      ...METADATA,
      model_type: "gpt_neo",
      num_heads: HEADS,
      attention_types: [[["global", "local"], 1]],
      window_size: ROWS,
    },
    part({ scale: 1 }),
    ["layout of the fused query, key and value"],
  ],
  [
    "a window that no layer has",
    "plain",
    metadata("qwen_of_tomorrow", { use_sliding_window: false, sliding_window: 2 }),
    part(),
    [
      'what config.json model_type "qwen_of_tomorrow" says of norms, positions and attention',
      "norm placement",
      "positions",
      "where positions begin",
      "causal attention",
      "factor on the scores",
      "layout of the fused query, key and value",
      "whether square weights are stored transposed",
    ],
  ],
  [
    "positions that are in the rows already",
    "turned",
    metadata("decision_transformer"),
    placeless(gpt2),
    [
      'positions: config.json model_type "decision_transformer" adds the first row of its position table to all ' +
        "rows, which the part leaves to whoever gives it rows",
    ],
  ],
  [
    "embeddings that are multiplied before they are rows",
    "turned",
    metadata("gpt2", { embedding_multiplier: 12 }),
    gpt2,
    [
      "what rows are: config.json embedding_multiplier 12 multiplies embeddings before the first block, which the " +
        "part leaves to whoever gives it rows",
    ],
  ],
];

describe("what agrees packs, and what is not known is said", () => {
  test.each(agreed)("%s", async (_, stored, said, body, unchecked) => {
    const ignore = body.position === "none" ? ["wpe.weight"] : [];
    const { code, metadata: report } = await pack(stored, said, body, ignore);
    expect({ code, contradictions: report?.contradictions }).toEqual({ code: 0, contradictions: [] });
    expect(report.unchecked).toEqual(unchecked);
  });
});
