import { readFileSync } from "node:fs";
import { compile } from "../../host/dist/compile.js";
import { LEWM_TRUE, lewmEncoderOnnx, seededCheckpoint, seededImage } from "../../host/dist/parity/index.js";

/** Speed does not depend on the weights' values, but for how well the runtimes' results agree. */
export const SEED = 1;
/** SRAM of an ESP32-P4 that a plan may use. */
export const FAST_BYTES = 512 * 1024;

/** LeWM in its true size with seeded weights: all linear weights of one storage type. */
export async function lewmPack(types, checkpoint = seededCheckpoint(LEWM_TRUE, SEED)) {
  const config = JSON.parse(readFileSync(new URL("../../configs/lewm.json", import.meta.url), "utf8"));
  const { bytes } = await compile({ checkpoint, config, configSource: "configs/lewm.json", types, fastBytes: FAST_BYTES });
  return bytes;
}

/** The encoder and projector of the same model as an ONNX file. */
export function lewmOnnx(linearType) {
  return lewmEncoderOnnx(seededCheckpoint(LEWM_TRUE, SEED), LEWM_TRUE, linearType);
}

/** One picture for both: RGB bytes, and the normalised planes that an ONNX graph takes. */
export function lewmImage() {
  const { image } = LEWM_TRUE;
  const rgb = seededImage("bench", SEED, image);
  const mean = [0.485, 0.456, 0.406];
  const std = [0.229, 0.224, 0.225];
  const planes = new Float32Array(rgb.length);
  for (let i = 0; i < image * image; i++) {
    for (let c = 0; c < 3; c++) planes[c * image * image + i] = (rgb[i * 3 + c] / 255 - mean[c]) / std[c];
  }
  return { rgb, planes, shape: [1, 3, image, image] };
}

export const floats = (bytes) => new Float32Array(bytes.slice().buffer);
