export type { Checkpoint, CheckpointTensor } from "./checkpoint.js";
export { openCheckpoint } from "./openCheckpoint.js";
export { type TensorToWrite, writeSafetensors } from "./writeSafetensors.js";
