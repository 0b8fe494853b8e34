import { z } from "zod";
import { limits } from "../format/limits.js";
import { activationFunctions } from "../format/ops.js";

const name = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, "a letter, then letters, digits, _ or -");
const size = z.int().min(1).max(65536);
const eps = z.number().min(0).max(1);
const finite = z.number().min(-3e38).max(3e38);

/** One key of the checkpoint, or several spellings of it of which the first that exists is taken. */
const key = z.union([z.string().min(1).max(200), z.array(z.string().min(1).max(200)).min(1).max(8)]);
/** Whole names of the tensors of a linear layer, where they are not a module's `.weight` and `.bias`. */
const linearTensors = z.strictObject({
  weight: key,
  bias: key.optional(),
  /** The weight is stored [in, out], as GPT-2's Conv1D keeps it, and not [out, in]. */
  transposed: z.boolean().default(false),
});
const everyText = (value: unknown): string[] =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(everyText)
      : [];
const perLayer = [
  (value: unknown) => everyText(value).every((text) => text.includes("{i}")),
  { error: 'has no "{i}" for the layer\'s number' },
] as const;
/** The same for a layer: `{i}` stands for the layer's number. */
const layerKey = key.refine(...perLayer);
const layerLinear = z.union([key, linearTensors]).refine(...perLayer);

const act = z.enum(activationFunctions);

const norm = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("layer_norm"),
    eps,
    affine: z.boolean().default(true),
    bias: z.boolean().default(true),
  }),
  z.strictObject({ kind: z.literal("rms_norm"), eps, affine: z.boolean().default(true) }),
  z.strictObject({ kind: z.literal("none") }),
]);
export type NormConfig = z.infer<typeof norm>;

const attention = z.strictObject({
  heads: z.int().min(1).max(256),
  kvHeads: z.int().min(1).max(256).optional(),
  headDim: z.int().min(1).max(limits.head_dim_max),
  causal: z.boolean().default(false),
  /** How the checkpoint keeps query, key and value: three tensors, or one with the rows q, k, v. */
  qkv: z.enum(["separate", "fused"]),
  qkvBias: z.boolean(),
  outBias: z.boolean(),
  /** Factor on the scores; 1 / sqrt(headDim) when absent. */
  scale: z.number().positive().max(1e6).optional(),
});

const ffn = z.discriminatedUnion("kind", [
  /** down(act(up(x))) */
  z.strictObject({ kind: z.literal("mlp"), hidden: size, act, bias: z.boolean() }),
  /** down(act(gate(x)) * up(x)); `fused`: one tensor with the rows gate, up. */
  z.strictObject({ kind: z.literal("gated"), hidden: size, act, bias: z.boolean(), fused: z.boolean().default(false) }),
]);
export type FfnConfig = z.infer<typeof ffn>;

const layerWeights = z.strictObject({
  norm1: layerKey.optional(),
  q: layerLinear.optional(),
  k: layerLinear.optional(),
  v: layerLinear.optional(),
  qkv: layerLinear.optional(),
  out: layerLinear,
  norm2: layerKey.optional(),
  up: layerLinear.optional(),
  gate: layerLinear.optional(),
  gateUp: layerLinear.optional(),
  down: layerLinear,
  modulation: layerLinear.optional(),
  layerScale1: layerKey.optional(),
  layerScale2: layerKey.optional(),
});

/**
 * Keys of modules (`.weight` and `.bias` are added) and, for classToken, registers, position and layer scales, of the
 * tensor itself.
 */
const transformerWeights = z.strictObject({
  patch: key.optional(),
  classToken: key.optional(),
  registers: key.optional(),
  position: key.optional(),
  finalNorm: key.optional(),
  layer: layerWeights,
});

const patches = z.strictObject({
  kind: z.literal("patches"),
  /** Height and width of the image in pixels. */
  image: z.tuple([z.int().min(1).max(8192), z.int().min(1).max(8192)]),
  patch: z.int().min(1).max(128),
  bias: z.boolean().default(true),
  classToken: z.boolean(),
  registers: z.int().min(0).max(256).default(0),
  /** Mean and standard deviation of the channels, of pixel values 0..1. */
  mean: z.tuple([finite, finite, finite]),
  std: z.tuple([z.number().min(1e-6).max(1e6), z.number().min(1e-6).max(1e6), z.number().min(1e-6).max(1e6)]),
});

const transformer = z.strictObject({
  kind: z.literal("transformer"),
  description: z.string().max(1000).optional(),
  width: size,
  layers: z.int().min(1).max(256),
  /** Where rows come from: an image in patches, or rows of numbers as they are. */
  embedding: z.discriminatedUnion("kind", [patches, z.strictObject({ kind: z.literal("rows") })]),
  /** `learned`: added after embedding; one row a token (class token included, registers not). */
  position: z.enum(["learned", "none"]),
  /** Rows of the checkpoint's position table, where it has more than the entry's rows. */
  positions: size.optional(),
  /** The row of that table that belongs to the first row of an entry: OPT's and BART's begin at 2. */
  firstPosition: z.int().min(0).max(65535).optional(),
  norm,
  attention,
  ffn,
  layerScale: z.boolean().default(false),
  /**
   * adaLN-zero (DiT, arXiv 2212.09748): shift, scale and gate of each half of a block from act of the conditioning row.
   */
  conditioning: z
    .strictObject({
      kind: z.literal("adaln_zero"),
      width: size,
      act,
      bias: z.boolean().default(true),
      /** The norm without parameters before shift and scale; the block's own `norm` follows it. */
      norm: z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("layer_norm"), eps }),
        z.strictObject({ kind: z.literal("rms_norm"), eps }),
        z.strictObject({ kind: z.literal("none") }),
      ]),
    })
    .optional(),
  finalNorm: norm,
  /** The rows that leave: of an image the class token or the patches, or all. */
  select: z.enum(["all", "class_token", "patches"]).default("all"),
  weights: transformerWeights,
});
export type TransformerConfig = z.infer<typeof transformer>;

const mlpLayer = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("linear"),
    out: size,
    bias: z.boolean().default(true),
    weights: z.union([key, linearTensors]),
  }),
  /** Folded into the linear layer before it. */
  z.strictObject({ kind: z.literal("batch_norm"), eps, affine: z.boolean().default(true), weights: key }),
  z.strictObject({
    kind: z.literal("layer_norm"),
    eps,
    affine: z.boolean().default(true),
    bias: z.boolean().default(true),
    weights: key.optional(),
  }),
  z.strictObject({ kind: z.literal("rms_norm"), eps, affine: z.boolean().default(true), weights: key.optional() }),
  z.strictObject({ kind: z.literal("act"), act }),
  /** (x - mean) / std by column, folded into the linear layer after it. */
  z.strictObject({ kind: z.literal("standardize"), statistics: name }),
]);
export type MlpLayerConfig = z.infer<typeof mlpLayer>;

const mlp = z.strictObject({
  kind: z.literal("mlp"),
  description: z.string().max(1000).optional(),
  width: size,
  layers: z.array(mlpLayer).min(1).max(64),
});
export type MlpConfig = z.infer<typeof mlp>;

const part = z.discriminatedUnion("kind", [transformer, mlp]);
export type PartConfig = z.infer<typeof part>;

const input = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("image") }),
  z.strictObject({ kind: z.enum(["latent", "action", "tensor"]), width: size }),
]);

const entry = z.strictObject({
  description: z.string().max(1000).optional(),
  /** The largest number of rows of one run; a run may use fewer. Absent: everything has its fixed size. */
  rowsMax: z.int().min(1).max(limits.attention_keys_max).optional(),
  inputs: z.record(name, input),
  /** Parts in order. `x` and `condition` name an input or an earlier step's `as`. */
  steps: z
    .array(z.strictObject({ part: name, x: name, condition: name.optional(), as: name }))
    .min(1)
    .max(64),
  /** Any inner value may be an output: that is how intermediate values are looked at. */
  outputs: z.record(name, z.enum(["latent", "action", "tensor"])),
});
export type EntryConfig = z.infer<typeof entry>;

/** Per column; repeated to the width they are used at, as when several environment actions make one action row. */
const statistics = z.strictObject({
  mean: z.array(finite).min(1).max(4096),
  std: z
    .array(
      z
        .number()
        .max(3e38)
        .refine((value) => value > 0, {
          error: (issue) => `a standard deviation of ${issue.input} cannot be divided by`,
          params: {
            expected: "more than 0; 1 for a value that never changes, which leaves it its distance from the mean",
          },
        }),
    )
    .min(1)
    .max(4096),
});
export type Statistics = z.infer<typeof statistics>;

/** Of each value of an environment action, in the units that the model takes. */
const bounds = z
  .strictObject({ min: z.array(finite).min(1).max(4096), max: z.array(finite).min(1).max(4096) })
  .refine(({ min, max }) => min.length === max.length, {
    error: "min and max differ in length",
    params: { expected: "one number of each for every value of an environment action" },
  })
  .refine(({ min, max }) => min.every((low, i) => low <= (max[i] ?? low)), {
    error: "a min is above its max",
    params: { expected: "min of at most max" },
  });

/** What actions are: their units, for people, and what no action of the environment is outside of. */
export const actionSpaceSchema = z.strictObject({
  units: z
    .string()
    .min(1)
    .refine((text) => Buffer.byteLength(text) <= 63, {
      error: "has more than 63 bytes",
      params: { expected: "at most 63 bytes" },
    })
    .optional(),
  bounds: bounds.optional(),
});
export type ActionSpace = z.infer<typeof actionSpaceSchema>;

export const modelConfig = z.strictObject({
  name,
  description: z.string().max(2000).optional(),
  licence: z.string().max(200).optional(),
  entries: z.record(name, entry),
  parts: z.record(name, part),
  /** Means and deviations that `standardize` layers name; null where whoever packs the model has to give them. */
  statistics: z.record(name, statistics.nullable()).default({}),
  /** Of the inputs of kind `action`. */
  actions: actionSpaceSchema.optional(),
  /** Patterns of checkpoint tensors that inference does not need. */
  ignore: z.array(z.string().min(1).max(200)).max(64).default([]),
});
/** A model: entry points over parts, and where each part's weights are in a checkpoint. */
export type ModelConfig = z.infer<typeof modelConfig>;
export const statisticsSchema = statistics;
/** The file of `--action-stats`. */
export const actionStatsSchema = z.strictObject({ ...statistics.shape, ...actionSpaceSchema.shape });
