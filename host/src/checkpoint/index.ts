export { type Checkpoint, type CheckpointTensor, openCheckpoint } from "./checkpoint.js";
export { type TensorToWrite, writeSafetensors } from "./writeSafetensors.js";
