export { DINOV2_SMALL, dinov2Shapes } from "./dinov2Shapes.js";
export { LEWM_SMALL, LEWM_TRUE, type LewmDimensions, lewmShapes } from "./lewmShapes.js";
export type { OnnxLinearType } from "./onnxBuilder.js";
export { lewmEncoderOnnx, writeLewmEncoderOnnx } from "./onnxEncoder.js";
export { seededActions, seededImage } from "./seeded.js";
export { seededCheckpoint, seededValues, writeSeededCheckpoint } from "./seededCheckpoint.js";
export type { Shapes } from "./shapes.js";
export {
  VIT_TINY_CLASSIFIER,
  type VitClassifierDimensions,
  type VitDimensions,
  vitClassifierShapes,
} from "./vitShapes.js";
