import { addModule, type Shapes } from "./shapes.js";
import { addVitEncoder } from "./vitShapes.js";

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

/** The state_dict of LeWM (arXiv 2603.19312), with the keys of the published checkpoints. */
export function lewmShapes(dimensions: LewmDimensions): Shapes {
  const { image, patch, width, encoderLayers, encoderMlp, actionIn, actionSmoothed, actionHidden, projectorHidden } =
    dimensions;
  const shapes = new Map<string, readonly number[]>();
  addVitEncoder(shapes, "encoder", { image, patch, width, layers: encoderLayers, mlp: encoderMlp });
  addPredictor(shapes, dimensions);
  addModule(shapes, "action_encoder.patch_embed", [actionSmoothed, actionIn, 1]);
  addModule(shapes, "action_encoder.embed.0", [actionHidden, actionSmoothed]);
  addModule(shapes, "action_encoder.embed.2", [width, actionHidden]);
  for (const name of ["projector", "pred_proj"]) {
    addModule(shapes, `${name}.net.0`, [projectorHidden, width]);
    addModule(shapes, `${name}.net.1`, [projectorHidden]);
    shapes.set(`${name}.net.1.running_mean`, [projectorHidden]);
    shapes.set(`${name}.net.1.running_var`, [projectorHidden]);
    shapes.set(`${name}.net.1.num_batches_tracked`, []);
    addModule(shapes, `${name}.net.3`, [width, projectorHidden]);
  }
  return shapes;
}

function addPredictor(shapes: Map<string, readonly number[]>, dimensions: LewmDimensions): void {
  const { width, predictorLayers, predictorHeads, predictorHeadDim, predictorMlp, historyFrames } = dimensions;
  const inner = predictorHeads * predictorHeadDim;
  shapes.set("predictor.pos_embedding", [1, historyFrames, width]);
  addModule(shapes, "predictor.transformer.norm", [width]);
  for (let i = 0; i < predictorLayers; i++) {
    const layer = `predictor.transformer.layers.${i}`;
    addModule(shapes, `${layer}.attn.norm`, [width]);
    shapes.set(`${layer}.attn.to_qkv.weight`, [3 * inner, width]);
    addModule(shapes, `${layer}.attn.to_out.0`, [width, inner]);
    addModule(shapes, `${layer}.mlp.net.0`, [width]);
    addModule(shapes, `${layer}.mlp.net.1`, [predictorMlp, width]);
    addModule(shapes, `${layer}.mlp.net.4`, [width, predictorMlp]);
    addModule(shapes, `${layer}.adaLN_modulation.1`, [6 * width, width]);
  }
}
