import type { Checkpoint, CheckpointTensor } from "../checkpoint/checkpoint.js";

/** A checkpoint of f32 tensors in memory. */
export function memoryCheckpoint(
  tensors: Readonly<Record<string, { shape: readonly number[]; values: Float32Array }>>,
): Pick<Checkpoint, "path" | "tensors"> {
  const map = new Map<string, CheckpointTensor>();
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    map.set(name, {
      name,
      dtype: "F32",
      shape,
      bytes: values.byteLength,
      read: async () => new Uint8Array(values.slice().buffer),
      readF32: async () => values.slice(),
    });
  }
  return { path: "memory", tensors: map };
}
