/** The sizes of a LeWM. `image`, `patch` in pixels; everything else in values or layers. */
export interface LewmDimensions {
  readonly image: number;
  readonly patch: number;
  readonly width: number;
  readonly encoderLayers: number;
  readonly encoderHeads: number;
  readonly encoderMlp: number;
  readonly predictorLayers: number;
  readonly predictorHeads: number;
  readonly predictorHeadDim: number;
  readonly predictorMlp: number;
  readonly historyFrames: number;
  /** Frame skip times the width of one environment action. */
  readonly actionIn: number;
  readonly actionSmoothed: number;
  readonly actionHidden: number;
  readonly projectorHidden: number;
}

/** The published model: 303 tensors, 18,042,672 values. */
export const LEWM_TRUE: LewmDimensions = {
  image: 224,
  patch: 14,
  width: 192,
  encoderLayers: 12,
  encoderHeads: 3,
  encoderMlp: 768,
  predictorLayers: 6,
  predictorHeads: 16,
  predictorHeadDim: 64,
  predictorMlp: 2048,
  historyFrames: 3,
  actionIn: 10,
  actionSmoothed: 10,
  actionHidden: 768,
  projectorHidden: 2048,
};

/** The same architecture, small enough for a test that runs in milliseconds. */
export const LEWM_SMALL: LewmDimensions = {
  image: 28,
  patch: 7,
  width: 32,
  encoderLayers: 2,
  encoderHeads: 2,
  encoderMlp: 64,
  predictorLayers: 2,
  predictorHeads: 4,
  predictorHeadDim: 16,
  predictorMlp: 96,
  historyFrames: 3,
  actionIn: 10,
  actionSmoothed: 10,
  actionHidden: 128,
  projectorHidden: 64,
};

export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Names and row-major shapes of the state_dict of LeWM (arXiv 2603.19312), in PyTorch's order of parameters and buffers a module. */
export function lewmShapes(dimensions: LewmDimensions): Shapes {
  const shapes = new Map<string, readonly number[]>();
  const both = (name: string, weight: readonly number[]): void => {
    shapes.set(`${name}.weight`, weight);
    shapes.set(`${name}.bias`, [weight[0] as number]);
  };
  addEncoder(dimensions, shapes, both);
  addPredictor(dimensions, shapes, both);
  const { width, actionIn, actionSmoothed, actionHidden, projectorHidden } = dimensions;
  both("action_encoder.patch_embed", [actionSmoothed, actionIn, 1]);
  both("action_encoder.embed.0", [actionHidden, actionSmoothed]);
  both("action_encoder.embed.2", [width, actionHidden]);
  for (const name of ["projector", "pred_proj"]) {
    both(`${name}.net.0`, [projectorHidden, width]);
    both(`${name}.net.1`, [projectorHidden]);
    shapes.set(`${name}.net.1.running_mean`, [projectorHidden]);
    shapes.set(`${name}.net.1.running_var`, [projectorHidden]);
    shapes.set(`${name}.net.1.num_batches_tracked`, []);
    both(`${name}.net.3`, [width, projectorHidden]);
  }
  return shapes;
}

type AddLayer = (name: string, weight: readonly number[]) => void;

function addEncoder(dimensions: LewmDimensions, shapes: Map<string, readonly number[]>, both: AddLayer): void {
  const { image, patch, width, encoderLayers, encoderMlp } = dimensions;
  shapes.set("encoder.embeddings.cls_token", [1, 1, width]);
  shapes.set("encoder.embeddings.position_embeddings", [1, (image / patch) ** 2 + 1, width]);
  both("encoder.embeddings.patch_embeddings.projection", [width, 3, patch, patch]);
  for (let i = 0; i < encoderLayers; i++) {
    const layer = `encoder.encoder.layer.${i}`;
    both(`${layer}.layernorm_before`, [width]);
    for (const part of ["query", "key", "value"]) both(`${layer}.attention.attention.${part}`, [width, width]);
    both(`${layer}.attention.output.dense`, [width, width]);
    both(`${layer}.layernorm_after`, [width]);
    both(`${layer}.intermediate.dense`, [encoderMlp, width]);
    both(`${layer}.output.dense`, [width, encoderMlp]);
  }
  both("encoder.layernorm", [width]);
}

function addPredictor(dimensions: LewmDimensions, shapes: Map<string, readonly number[]>, both: AddLayer): void {
  const { width, predictorLayers, predictorHeads, predictorHeadDim, predictorMlp, historyFrames } = dimensions;
  const inner = predictorHeads * predictorHeadDim;
  shapes.set("predictor.pos_embedding", [1, historyFrames, width]);
  both("predictor.transformer.norm", [width]);
  for (let i = 0; i < predictorLayers; i++) {
    const layer = `predictor.transformer.layers.${i}`;
    both(`${layer}.attn.norm`, [width]);
    shapes.set(`${layer}.attn.to_qkv.weight`, [3 * inner, width]);
    both(`${layer}.attn.to_out.0`, [width, inner]);
    both(`${layer}.mlp.net.0`, [width]);
    both(`${layer}.mlp.net.1`, [predictorMlp, width]);
    both(`${layer}.mlp.net.4`, [width, predictorMlp]);
    both(`${layer}.adaLN_modulation.1`, [6 * width, width]);
  }
}
