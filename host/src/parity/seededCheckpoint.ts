import { type Checkpoint, type CheckpointTensor, writeSafetensors } from "../checkpoint/index.js";
import { type LewmDimensions, lewmShapes } from "./lewmShapes.js";
import { distributionOf } from "./recipe.js";
import { seededNormal } from "./seeded.js";
import type { Shapes } from "./shapes.js";

/** What BatchNorm's step counter holds; inference does not read it. */
const BATCHES_TRACKED = 1000n;

/**
 * A checkpoint of made-up weights, equal bit for bit to what oracle/seeded.py makes for the same names, shapes and
 * seed. Nothing is generated before a tensor is read, and nothing is kept afterwards. Takes the dimensions of a LeWM,
 * or the names and shapes of any state_dict.
 */
export function seededCheckpoint(source: LewmDimensions | Shapes, seed: number): Checkpoint {
  const shapes = source instanceof Map ? (source as Shapes) : lewmShapes(source as LewmDimensions);
  const tensors = new Map<string, CheckpointTensor>();
  for (const [name, shape] of shapes) tensors.set(name, seededTensor(name, shape, seed));
  return {
    path: `seeded weights, seed ${seed}`,
    format: "safetensors",
    tensors,
    metadata: { generator: "synapse seeded weights", seed: String(seed), untrained: "true" },
    close: async () => {},
  };
}

/**
 * Writes a seeded checkpoint as a safetensors file, which appears complete or not at all. Holds all of its values in
 * memory at once.
 * @throws InputError when the path cannot be written
 */
export async function writeSeededCheckpoint(
  path: string,
  source: LewmDimensions | Shapes,
  seed: number,
): Promise<void> {
  const { tensors, metadata } = seededCheckpoint(source, seed);
  const filled = [];
  for (const { name, dtype, shape, read } of tensors.values()) filled.push({ name, dtype, shape, data: await read() });
  await writeSafetensors(path, filled, metadata as Record<string, string>);
}

/** One tensor of a seeded state_dict, row-major. */
export function seededValues(name: string, shape: readonly number[], seed: number): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  const fanIn = shape.length > 1 ? count / (shape[0] as number) : 1;
  return seededNormal(name, seed, count, distributionOf(name), fanIn);
}

function seededTensor(name: string, shape: readonly number[], seed: number): CheckpointTensor {
  if (name.endsWith("num_batches_tracked")) {
    return {
      name,
      dtype: "I64",
      shape,
      bytes: 8,
      read: async () => new Uint8Array(BigInt64Array.of(BATCHES_TRACKED).buffer),
      readF32: async () => Float32Array.of(Number(BATCHES_TRACKED)),
    };
  }
  const readF32 = async (): Promise<Float32Array> => seededValues(name, shape, seed);
  return {
    name,
    dtype: "F32",
    shape,
    bytes: shape.reduce((product, size) => product * size, 4),
    read: async () => new Uint8Array((await readF32()).buffer),
    readF32,
  };
}
