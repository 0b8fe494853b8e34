import { addModule, type Shapes } from "./shapes.js";

/** The sizes of a ViT encoder. `image`, `patch` in pixels. */
export interface VitDimensions {
  readonly image: number;
  readonly patch: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly mlp: number;
}

export interface VitClassifierDimensions extends VitDimensions {
  readonly classes: number;
}

/** ViT-tiny as published for ImageNet: configs/vit-tiny-classifier.json. */
export const VIT_TINY_CLASSIFIER: VitClassifierDimensions = {
  image: 224,
  patch: 16,
  width: 192,
  layers: 12,
  heads: 3,
  mlp: 768,
  classes: 1000,
};

/**
 * The state_dict of Hugging Face `ViTModel` without pooler, each name behind `prefix` and a dot, in the spelling of the
 * published checkpoints.
 */
export function addVitEncoder(
  shapes: Map<string, readonly number[]>,
  prefix: string,
  dimensions: Omit<VitDimensions, "heads">,
): void {
  const { image, patch, width, layers, mlp } = dimensions;
  shapes.set(`${prefix}.embeddings.cls_token`, [1, 1, width]);
  shapes.set(`${prefix}.embeddings.position_embeddings`, [1, (image / patch) ** 2 + 1, width]);
  addModule(shapes, `${prefix}.embeddings.patch_embeddings.projection`, [width, 3, patch, patch]);
  for (let i = 0; i < layers; i++) {
    const layer = `${prefix}.encoder.layer.${i}`;
    addModule(shapes, `${layer}.layernorm_before`, [width]);
    for (const part of ["query", "key", "value"])
      addModule(shapes, `${layer}.attention.attention.${part}`, [width, width]);
    addModule(shapes, `${layer}.attention.output.dense`, [width, width]);
    addModule(shapes, `${layer}.layernorm_after`, [width]);
    addModule(shapes, `${layer}.intermediate.dense`, [mlp, width]);
    addModule(shapes, `${layer}.output.dense`, [width, mlp]);
  }
  addModule(shapes, `${prefix}.layernorm`, [width]);
}

/** The state_dict of Hugging Face `ViTForImageClassification`. */
export function vitClassifierShapes(dimensions: VitClassifierDimensions): Shapes {
  const shapes = new Map<string, readonly number[]>();
  addVitEncoder(shapes, "vit", dimensions);
  addModule(shapes, "classifier", [dimensions.classes, dimensions.width]);
  return shapes;
}
