import { type Fixture, loadFixture } from "./fixtures.js";
import { seededActions } from "./seeded.js";
import type { Shapes } from "./shapes.js";

interface MisreadDimensions {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly hidden: number;
  readonly rows: number;
  readonly samples: number;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

/** A model of oracle/misread.py, which a config can describe wrongly without anything failing. */
export interface Misread {
  readonly seed: number;
  readonly shapes: Shapes;
  readonly rows: number;
  readonly width: number;
  /** Rows in, and what PyTorch answers for them; `rows` x `width` values each. */
  readonly samples: readonly { readonly rows: Float32Array; readonly hidden: Float32Array }[];
  /** As Hugging Face keeps it beside the weights. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** A config with one entry `run`: rows in, hidden states out. `part` overrides keys of its one part, `body`. */
  config(part?: Readonly<Record<string, unknown>>): Record<string, unknown>;
}

/** OPT: positions from the third row of the table. The config of this is right with `firstPosition: 2`. */
export function optSmall(): Misread {
  const layer = "decoder.layers.{i}.";
  return misread("opt-small", ["decoder.embed_tokens.*"], ({ width, layers, heads, hidden, rows }) => ({
    metadata: {
      model_type: "opt",
      hidden_size: width,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      ffn_dim: hidden,
      activation_function: "relu",
      do_layer_norm_before: true,
      max_position_embeddings: 2 * rows,
    },
    part: {
      position: "learned",
      positions: 2 * rows + 2,
      norm: { kind: "layer_norm", eps: 1e-5 },
      finalNorm: { kind: "layer_norm", eps: 1e-5 },
      attention: { ...attention(width, heads), causal: true },
      ffn: { kind: "mlp", hidden, act: "relu", bias: true },
      weights: {
        position: "decoder.embed_positions.weight",
        finalNorm: "decoder.final_layer_norm",
        layer: {
          norm1: `${layer}self_attn_layer_norm`,
          q: `${layer}self_attn.q_proj`,
          k: `${layer}self_attn.k_proj`,
          v: `${layer}self_attn.v_proj`,
          out: `${layer}self_attn.out_proj`,
          norm2: `${layer}final_layer_norm`,
          up: `${layer}fc1`,
          down: `${layer}fc2`,
        },
      },
    },
  }));
}

/** BERT: norms after each half of a block. No config of this form is right. */
export function bertSmall(): Misread {
  const layer = "encoder.layer.{i}.";
  return misread("bert-small", ["embeddings.*"], ({ width, layers, heads, hidden }) => ({
    metadata: {
      model_type: "bert",
      hidden_size: width,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      intermediate_size: hidden,
      hidden_act: "gelu",
      layer_norm_eps: 1e-12,
    },
    part: {
      position: "none",
      norm: { kind: "layer_norm", eps: 1e-12 },
      finalNorm: { kind: "none" },
      attention: attention(width, heads),
      ffn: { kind: "mlp", hidden, act: "gelu", bias: true },
      weights: {
        layer: {
          norm1: `${layer}attention.output.LayerNorm`,
          q: `${layer}attention.self.query`,
          k: `${layer}attention.self.key`,
          v: `${layer}attention.self.value`,
          out: `${layer}attention.output.dense`,
          norm2: `${layer}output.LayerNorm`,
          up: `${layer}intermediate.dense`,
          down: `${layer}output.dense`,
        },
      },
    },
  }));
}

function attention(width: number, heads: number) {
  return { heads, headDim: width / heads, qkv: "separate", qkvBias: true, outBias: true };
}

type Described = Pick<Misread, "metadata"> & { readonly part: Readonly<Record<string, unknown>> };

function misread(
  name: string,
  ignore: readonly string[],
  describe: (dimensions: MisreadDimensions) => Described,
): Misread {
  const fixture: Fixture<MisreadDimensions> = loadFixture(name);
  const { seed, dimensions } = fixture;
  const { width, layers, rows, samples, shapes } = dimensions;
  const { metadata, part } = describe(dimensions);
  const given = seededActions("rows", seed, samples * rows, width);
  const hidden = fixture.array("hidden").values;
  const of = (values: Float32Array, index: number) => values.slice(index * rows * width, (index + 1) * rows * width);
  return {
    seed,
    shapes: new Map(Object.entries(shapes)),
    rows,
    width,
    samples: Array.from({ length: samples }, (_, index) => ({ rows: of(given, index), hidden: of(hidden, index) })),
    metadata,
    config: (overrides = {}) => ({
      name,
      entries: {
        run: {
          rowsMax: rows,
          inputs: { rows: { kind: "tensor", width } },
          steps: [{ part: "body", x: "rows", as: "hidden" }],
          outputs: { hidden: "tensor" },
        },
      },
      parts: { body: { kind: "transformer", width, layers, embedding: { kind: "rows" }, ...part, ...overrides } },
      ignore,
    }),
  };
}
