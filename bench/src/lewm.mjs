import { readFileSync } from "node:fs";
import { compile } from "../../host/dist/compile/compile.js";
import { LEWM_TRUE, lewmEncoderOnnx, seededCheckpoint, seededImage } from "../../host/dist/parity/index.js";
import { summarise } from "../../host/dist/report/similarity.js";

/** Speed does not depend on the weights' values, but for how well the runtimes' results agree. */
export const SEED = 1;
/** SRAM of an ESP32-P4 that a plan may use. */
export const FAST_BYTES = 512 * 1024;

/** LeWM in its true size with seeded weights: all linear weights of one storage type. */
export async function lewmPack(types, checkpoint = seededCheckpoint(LEWM_TRUE, SEED)) {
  const config = JSON.parse(readFileSync(new URL("../../configs/lewm.json", import.meta.url), "utf8"));
  const { bytes } = await compile({
    checkpoint,
    config,
    configSource: "configs/lewm.json",
    types,
    fastBytes: FAST_BYTES,
  });
  return bytes;
}

/** The encoder and projector of the same model as an ONNX file. */
export function lewmOnnx(linearType) {
  return lewmEncoderOnnx(seededCheckpoint(LEWM_TRUE, SEED), LEWM_TRUE, linearType);
}

/** Pictures on which two runtimes are compared. Times need one only. */
const PICTURES = 4;

/** One picture for both: RGB bytes, and the normalised planes that an ONNX graph takes. */
export function lewmImage(name = "bench") {
  const { image } = LEWM_TRUE;
  const rgb = seededImage(name, SEED, image);
  const mean = [0.485, 0.456, 0.406];
  const std = [0.229, 0.224, 0.225];
  const planes = new Float32Array(rgb.length);
  for (let i = 0; i < image * image; i++) {
    for (let c = 0; c < 3; c++) planes[c * image * image + i] = (rgb[i * 3 + c] / 255 - mean[c]) / std[c];
  }
  return { rgb, planes, shape: [1, 3, image, image] };
}

export const floats = (bytes) => new Float32Array(bytes.slice().buffer);

/**
 * How near the latents of two runtimes are, of several pictures. `ours` takes the RGB bytes, `theirs` the planes and
 * their shape; both answer floats.
 */
export async function agreement(ours, theirs) {
  const samples = [];
  for (let index = 0; index < PICTURES; index++) {
    const { rgb, planes, shape } = lewmImage(`bench.${index}`);
    samples.push({ actual: await ours(rgb), expected: await theirs(planes, shape) });
  }
  const { cosineWorst, centredCosineWorst, relativeErrorWorst } = summarise(samples);
  return { cosineWorst, centredCosineWorst, relativeErrorWorst };
}
