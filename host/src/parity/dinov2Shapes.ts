import type { Shapes } from "./lewmShapes.js";

/** The sizes of a DINOv2 encoder (Hugging Face `Dinov2Model`). `image`, `patch` in pixels. */
export interface Dinov2Dimensions {
  readonly image: number;
  readonly patch: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly mlp: number;
}

export const DINOV2_SMALL: Dinov2Dimensions = { image: 56, patch: 14, width: 64, layers: 3, heads: 4, mlp: 192 };

/** Names and row-major shapes of the state_dict, in the spelling of the published checkpoints. */
export function dinov2Shapes(dimensions: Dinov2Dimensions): Shapes {
  const { image, patch, width, layers, mlp } = dimensions;
  const shapes = new Map<string, readonly number[]>();
  const both = (name: string, weight: readonly number[]): void => {
    shapes.set(`${name}.weight`, weight);
    shapes.set(`${name}.bias`, [weight[0] as number]);
  };
  shapes.set("embeddings.cls_token", [1, 1, width]);
  shapes.set("embeddings.mask_token", [1, width]);
  shapes.set("embeddings.position_embeddings", [1, (image / patch) ** 2 + 1, width]);
  both("embeddings.patch_embeddings.projection", [width, 3, patch, patch]);
  for (let i = 0; i < layers; i++) {
    const layer = `encoder.layer.${i}`;
    both(`${layer}.norm1`, [width]);
    for (const part of ["query", "key", "value"]) both(`${layer}.attention.attention.${part}`, [width, width]);
    both(`${layer}.attention.output.dense`, [width, width]);
    shapes.set(`${layer}.layer_scale1.lambda1`, [width]);
    both(`${layer}.norm2`, [width]);
    both(`${layer}.mlp.fc1`, [mlp, width]);
    both(`${layer}.mlp.fc2`, [width, mlp]);
    shapes.set(`${layer}.layer_scale2.lambda1`, [width]);
  }
  both("layernorm", [width]);
  return shapes;
}
