/** Clients of a board, for Node and browsers. Nothing here needs Node. */
export {
  type Answered,
  type Encoded,
  type Frame,
  type Image,
  type Observed,
  type ObserveRequest,
  type PlanEvent,
  type Planned,
  type PlanRequest,
  type RolledOut,
  type Rows,
  SynapseClient,
  type UploadOptions,
} from "./client.js";
export { BoardError, BoardTimeout, BoardUnreachable, UnexpectedAnswer } from "./errors.js";
export type { CallOptions, TransportOptions } from "./transport.js";
export type {
  ActivateAnswer,
  ClaimAnswer,
  ClaimRequest,
  Device,
  Log,
  Model,
  Models,
  SelfTestAnswer,
  Settings,
  SettingsChange,
  Slot,
  Timing,
} from "./types.js";
