import { addModule, type Shapes } from "./shapes.js";
import type { VitDimensions } from "./vitShapes.js";

/** The dimensions of configs/dinov2-test.json. */
export const DINOV2_SMALL: VitDimensions = { image: 56, patch: 14, width: 64, layers: 3, heads: 4, mlp: 192 };

/** The state_dict of Hugging Face `Dinov2Model`, in the spelling of the published checkpoints. */
export function dinov2Shapes(dimensions: VitDimensions): Shapes {
  const { image, patch, width, layers, mlp } = dimensions;
  const shapes = new Map<string, readonly number[]>();
  shapes.set("embeddings.cls_token", [1, 1, width]);
  shapes.set("embeddings.mask_token", [1, width]);
  shapes.set("embeddings.position_embeddings", [1, (image / patch) ** 2 + 1, width]);
  addModule(shapes, "embeddings.patch_embeddings.projection", [width, 3, patch, patch]);
  for (let i = 0; i < layers; i++) {
    const layer = `encoder.layer.${i}`;
    addModule(shapes, `${layer}.norm1`, [width]);
    for (const part of ["query", "key", "value"])
      addModule(shapes, `${layer}.attention.attention.${part}`, [width, width]);
    addModule(shapes, `${layer}.attention.output.dense`, [width, width]);
    shapes.set(`${layer}.layer_scale1.lambda1`, [width]);
    addModule(shapes, `${layer}.norm2`, [width]);
    addModule(shapes, `${layer}.mlp.fc1`, [mlp, width]);
    addModule(shapes, `${layer}.mlp.fc2`, [width, mlp]);
    shapes.set(`${layer}.layer_scale2.lambda1`, [width]);
  }
  addModule(shapes, "layernorm", [width]);
  return shapes;
}
