import type { Distribution } from "./seeded.js";

/**
 * How each tensor of a state_dict is filled, by its name. Patterns are tried in order, the first that is found decides.
 * The same table stands in oracle/seeded.py.
 *
 * The numbers make an untrained network behave like a trained one: queries and keys are large enough for attention to
 * be far from uniform, a few LayerNorm channels are several times the others (the outliers that make int8 activations
 * hard), nothing is zero that training would move, and latents come out with a standard deviation near 1.
 */
const RECIPE: ReadonlyArray<readonly [RegExp, Distribution]> = [
  [/running_mean$/, { std: 0.3 }],
  [/running_var$/, { mean: 1, std: 0.2 }],
  [/(cls_token|pos_embedding|position_embeddings|mask_token)$/, { std: 0.5 }],
  [/layer_scale[12]\.lambda1$/, { mean: 0.6, std: 0.15 }],
  [/adaLN_modulation\.1\.weight$/, { gain: 0.6 }],
  [/adaLN_modulation\.1\.bias$/, { std: 0.3 }],
  [
    /(norm|layernorm|layernorm_before|layernorm_after|norm1|norm2|mlp\.net\.0)\.weight$/,
    { mean: 1, std: 0.15, outlierOneIn: 48, outlierScale: 2.5 },
  ],
  [/(projector|pred_proj)\.net\.1\.weight$/, { mean: 1, std: 0.15 }],
  [/patch_embeddings\.projection\.weight$/, { gain: 1 }],
  [/(query|key|q_proj|k_proj)\.weight$/, { gain: 1.3 }],
  [/(projector|pred_proj)\.net\.3\.weight$/, { gain: 1.5 }],
  [/bias$/, { std: 0.05 }],
  [/weight$/, { gain: 1 }],
];

/** Throws a RangeError for a name that no pattern matches. */
export function distributionOf(name: string): Distribution {
  const found = RECIPE.find(([pattern]) => pattern.test(name));
  if (found === undefined) throw new RangeError(`no distribution for tensor '${name}'`);
  return found[1];
}
