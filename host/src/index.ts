export { findBoard, knownBoards } from "./boards/boards.js";
export type { RunningBoard, StartBoardRequest } from "./boards/startBoard.js";
export type { RunningTab, StartTabRequest } from "./boards/startTab.js";
export * from "./checkpoint/index.js";
export * from "./compile/compile.js";
export { type PackRequest, packCheckpoint } from "./compile/packCheckpoint.js";
export {
  chooseType,
  globMatches,
  parseTypePolicy,
  type TypeChoice,
  type TypePolicy,
  type TypeRule,
} from "./compress/policy.js";
export { storageTypes } from "./compress/types/index.js";
export type { StorageType } from "./compress/types/storageType.js";
export type {
  EntryConfig,
  MlpConfig,
  ModelConfig,
  PartConfig,
  Statistics,
  TransformerConfig,
} from "./config/configSchema.js";
export { parseConfig } from "./config/parseConfig.js";
export { atomicWrite } from "./files/atomicWrite.js";
export { isConstant, type PackHeader, type TensorHeader } from "./format/header.js";
export { type PackSignature, SIGNATURE_BYTES, splitSignature } from "./format/signatureBlock.js";
export { type StorageTypeName, storageTypeNames } from "./format/types.js";
export { type Lowered, type LowerOptions, lower } from "./lower/lower.js";
export { type EngineStatus, listEngines, openEngine } from "./open/openEngine.js";
export { type OpenedModel, openModelBytes, openModelFile } from "./open/openModelFile.js";
export { addGolden, defaultGolden, type GoldenSpec, goldenInputs } from "./pack/golden.js";
export { type ReadPack, readPack } from "./pack/readPack.js";
export { type EntryPlan, type Plan, type PlannedBuffer, planMemory } from "./plan/plan.js";
export type { Activation, Allocation, Constant, Entry, Op, Port, Program, Tensor } from "./program/program.js";
export { type BoardEstimate, type BoardSpeed, estimateBoardTime } from "./report/boardEstimate.js";
export type { CompareReport, ComparisonRow, SimilarityBars } from "./report/compareReport.js";
export type { InspectReport } from "./report/inspectPack.js";
export type { PackReport } from "./report/packReport.js";
export type { RolloutReport, RunReport } from "./report/runReport.js";
export {
  type SamplePair,
  type Similarity,
  type SimilaritySummary,
  similarity,
  summarise,
} from "./report/similarity.js";
export { type BenchPackOptions, benchPack } from "./run/benchPack.js";
export { compareModels } from "./run/compareModels.js";
export { type ComparePackOptions, comparePack } from "./run/comparePack.js";
export { inspectFile } from "./run/inspectFile.js";
export { type CompareFolderOptions, compareFolder } from "./run/modelFolder.js";
export { predictNext, type RolloutOptions, rollout, type WorldModel, worldModelOf } from "./run/rollout.js";
export { type RunRequest, runEntry, runNamed, runRollout } from "./run/runModel.js";
export { type VerifyModelOptions, verifyModel } from "./run/verifyModel.js";
export { signPack, updateKeyId, updateKeyPoint, verifyPack } from "./sign/signPack.js";
export { type SignedFile, signPackFile, verifyPackFile } from "./sign/signPackFile.js";
export { type CreatedKey, createUpdateKey, readSigningKey, readUpdateKey } from "./sign/updateKeys.js";
export { startBoard, startTab } from "./startLater.js";
export { applyCuts, type Cut } from "./surgery/cut.js";
export { cutUnit, type FittedCut } from "./surgery/cutUnit.js";
export type { InputMoments } from "./surgery/refit.js";
export { findUnits, type Unit } from "./surgery/units.js";
