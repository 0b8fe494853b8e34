export { type Board, type Partition, parseBoard } from "./boardSchema.js";
export { type CorePartitions, corePartitions, flashAreas, modelPartitions } from "./corePartitions.js";
