/** Clients of a board, for Node and browsers. Nothing here needs Node. */
export {
  type Answered,
  BoardClient,
  type Encoded,
  type Frame,
  type Image,
  type Observed,
  type ObserveRequest,
  type PlanEvent,
  type Planned,
  type PlanRequest,
  type Predicted,
  type RolledOut,
  type Rows,
} from "./boardClient.js";
export type { CallOptions } from "./call.js";
export { SynapseClient, type UploadOptions } from "./client.js";
export { BoardError, BoardTimeout, BoardUnreachable, UnexpectedAnswer } from "./errors.js";
export type { HttpOptions } from "./httpChannel.js";
export { topicId } from "./mqttChannel.js";
export { type BoardMessage, type MqttConnection, type MqttOptions, SynapseMqttClient } from "./mqttClient.js";
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
