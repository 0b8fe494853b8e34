import { configError } from "../config/configError.js";
import type { TransformerConfig } from "../config/configSchema.js";
import { limits } from "../format/limits.js";
import type { Activation } from "../program/program.js";
import { type Lowering, stackedVector } from "./lowering.js";
import { type PartWeights, stackedWeight, wholeTensor } from "./partWeights.js";
import { type FoundTensor, loadFinite } from "./weightSource.js";

const CHANNELS = 3;
/** The attention op takes no more keys. */
const TOKENS_MAX = limits.attention_keys_max;

type PatchesConfig = Extract<TransformerConfig["embedding"], { kind: "patches" }>;

/** Rows of the tokens: class token, registers, then the patches row by row. */
export function tokenLayout(config: PatchesConfig): { prefix: number; patches: number } {
  const [height, width] = config.image;
  return {
    prefix: (config.classToken ? 1 : 0) + config.registers,
    patches: (height / config.patch) * (width / config.patch),
  };
}

/** Cuts the image in patches, projects them beside the class token and registers, and adds positions on the way. */
export function lowerPatches(
  lowering: Lowering,
  name: string,
  config: TransformerConfig,
  weights: PartWeights,
  image: Activation,
): Activation {
  const embedding = config.embedding as PatchesConfig;
  const { patch, mean, std } = embedding;
  const { width } = config;
  const path = `parts.${name}.embedding`;
  checkImage(lowering, path, embedding, image);
  const { builder, checkpointSource } = lowering;
  const { prefix, patches } = tokenLayout(embedding);

  const classToken = embedding.classToken ? weights.find("classToken", "", [1, 1, width]) : undefined;
  const registers =
    embedding.registers > 0 ? weights.find("registers", "", [1, embedding.registers, width]) : undefined;
  const positioned = patches + (embedding.classToken ? 1 : 0);
  const position = config.position === "learned" ? weights.find("position", "", [1, positioned, width]) : undefined;
  const projection = weights.find("patch", ".weight", [width, CHANNELS, patch, patch]);
  const bias = embedding.bias
    ? stackedVector(lowering, `${name}.patch.bias`, [wholeTensor(weights.find("patch", ".bias", [width]))])
    : undefined;

  const tokens = builder.activation(`${name}.tokens`, prefix + patches, width, false);
  if (prefix > 0) {
    const sources = [classToken, registers].flatMap((found) => (found === undefined ? [] : [found.tensor.name]));
    const rows = builder.vector(`${name}.prefix`, [prefix, width], sources, () =>
      prefixRows(classToken, registers, position, prefix, width, checkpointSource),
    );
    builder.copy(rows, builder.rows(tokens, 0, prefix));
  }
  const columns = builder.patchify(
    `${name}.patches`,
    image,
    patch,
    std.map((deviation) => 1 / (255 * deviation)),
    mean.map((value, channel) => -value / (std[channel] as number)),
  );
  const weight = builder.weight({
    ...stackedWeight(`${name}.patch.weight`, [wholeTensor(projection)], CHANNELS * patch * patch, checkpointSource),
    inputs: "pixels",
  });
  const residual =
    position === undefined
      ? undefined
      : builder.vector(`${name}.position`, [patches, width], [position.tensor.name], async () =>
          (await loadFinite(position, checkpointSource)).slice((positioned - patches) * width),
        );
  builder.linear(`${name}.patch`, columns, weight, { bias, residual, out: builder.rows(tokens, prefix, patches) });
  return tokens;
}

/**
 * The class token with its position, then the registers, which have none (Dinov2WithRegisters inserts them after
 * positions are added).
 */
async function prefixRows(
  classToken: FoundTensor | undefined,
  registers: FoundTensor | undefined,
  position: FoundTensor | undefined,
  rows: number,
  width: number,
  source: string,
): Promise<Float32Array> {
  const out = new Float32Array(rows * width);
  if (classToken !== undefined) {
    out.set(await loadFinite(classToken, source));
    if (position !== undefined) {
      const first = (await loadFinite(position, source)).subarray(0, width);
      for (let i = 0; i < width; i++) out[i] = (out[i] as number) + (first[i] as number);
    }
  }
  if (registers !== undefined) out.set(await loadFinite(registers, source), classToken === undefined ? 0 : width);
  return out;
}

function checkImage(
  lowering: Lowering,
  path: string,
  { image: [height, width], patch, registers, classToken }: PatchesConfig,
  image: Activation,
): void {
  if (image.type !== "u8")
    throw configError(
      lowering,
      "CONFIG_INPUT",
      path,
      `takes an image, but is given "${image.name}"`,
      'an input of kind "image"',
    );
  // An image that several parts take has the size of the first of them.
  const [ownHeight, ownWidth] = image.shape as [number, number, number];
  if (ownHeight !== height || ownWidth !== width) {
    throw configError(
      lowering,
      "CONFIG_INPUT",
      `${path}.image`,
      `takes ${height} x ${width} pixels, but "${image.name}" has ${ownHeight} x ${ownWidth}`,
      "one size for all parts that take the image",
    );
  }
  if (height % patch !== 0 || width % patch !== 0) {
    throw configError(
      lowering,
      "CONFIG_PATCH",
      `${path}.image`,
      `${height} x ${width} pixels do not divide into patches of ${patch}`,
      `multiples of ${patch}`,
    );
  }
  const tokens = (height / patch) * (width / patch) + (classToken ? 1 : 0) + registers;
  if (tokens > TOKENS_MAX) {
    throw configError(
      lowering,
      "CONFIG_TOKENS",
      `${path}.image`,
      `gives ${tokens} tokens`,
      `at most ${TOKENS_MAX}: a smaller image or larger patches`,
    );
  }
}
