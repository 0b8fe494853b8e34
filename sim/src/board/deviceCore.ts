import type { BoardQueries, Cut, DeviceEvents, DevicePort, ErrorInfo, MqttMessage, ResetReason } from "./deviceAbi.js";

export {
  type CoreOptions,
  CUTS as POWER_CUTS,
  type Cut as PowerCut,
  FETCH_RESULTS,
  type FetchResult,
  type Identity as BoardIdentity,
  type LogLevel,
  type MqttSession,
  type ResetReason,
} from "./deviceAbi.js";

/**
 * What a core asks of the board around it. Byte arrays are the receiver's to keep. Time, chance and work are the
 * business of the core's build.
 */
export interface CorePort extends Omit<DevicePort, "ticksUs" | "random" | "startWork"> {
  /** The core has ended in a trap; no call reaches it any more. */
  crashed(error: Error): void;
}

/** A message that the board gives to its broker. */
export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  /** Empty: it has none; as the two that follow, for MQTT 5 only. */
  readonly contentType: string;
  readonly correlation: Uint8Array;
  readonly properties: readonly (readonly [string, string])[];
}

/** A message from the broker to the board. */
export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly duplicate: boolean;
  /** 0 with QoS 0. */
  readonly packetId: number;
  readonly contentType?: string | undefined;
  readonly responseTopic?: string | undefined;
  readonly correlation?: Uint8Array | undefined;
  readonly properties?: readonly (readonly [string, string])[];
}

const NOTHING = new Uint8Array();

/** As the device's ABI has it. */
export const messageToCore = (message: IncomingMessage): MqttMessage => ({
  ...message,
  contentType: message.contentType ?? "",
  responseTopic: message.responseTopic ?? "",
  correlation: message.correlation ?? NOTHING,
  properties: message.properties ?? [],
  totalBytes: message.payload.length,
});

export const messageFromCore = (message: MqttMessage): OutgoingMessage => ({
  topic: message.topic,
  payload: message.payload ?? NOTHING,
  qos: message.qos === 1 ? 1 : 0,
  retain: message.retain,
  contentType: message.contentType,
  correlation: message.correlation,
  properties: message.properties,
});

/** Why a model could not be loaded. */
export interface LoadFailure {
  readonly kind: "memory" | "model" | "core";
  /** The region that is too small. */
  readonly region: "fast" | "slow" | undefined;
  readonly bytesMissing: number;
  readonly message: string;
}

/**
 * The device core of one board, in one of its builds: it is told events, answers queries,
 * and runs on a simulated board.
 */
export interface DeviceCore extends Omit<DeviceEvents, "work" | "workDone" | "tick">, BoardQueries, BoardControls {}

/** The areas of flash that a board has, in the order of their numbers in the core (core/port.zig) and the simulator. */
export const FLASH_AREAS = ["records", "model_a", "model_b", "settings", "ota_0", "ota_1", "otadata"] as const;
export type FlashArea = (typeof FLASH_AREAS)[number];

export interface BoardControls {
  /**
   * Puts bytes into an area as a programmer does, before `boot`; the rest of it is erased. False when they are too many
   * or the board has no such area.
   */
  program(area: FlashArea, bytes: Uint8Array): boolean;
  /** What an area holds; empty where the board has none. */
  readFlash(area: FlashArea): Uint8Array;
  /** Runs the model that the flash names; undefined when one is running. */
  boot(): LoadFailure | undefined;
  /** Starts anew with nothing but the flash, once the work under way has ended. */
  restart(reason: ResetReason): Promise<LoadFailure | undefined>;
  /** Power goes in the middle of the flash operation `after` operations from now. */
  cutPower(after: number, cut: Cut): void;
  /** Whoever holds the board says how to join the Wi-Fi. False when the core refuses it. */
  setWifi(ssid: string, password: string): boolean;
  /** Tells the core the time that it would read itself. */
  tick(): void;
  close(): Promise<void>;
}

/**
 * Resolves when no call of a core is under way. Whoever hears of something from inside one may end or restart the
 * board, and the call would go on in memory that is no longer its own.
 */
export const outsideCalls = (): Promise<void> => Promise.resolve();

export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Result codes of include/synapse_device.h. */
const RESULT_OUT_OF_MEMORY = -2;
const RESULT_MODEL = -3;
const RESULT_MODEL_MEMORY = -4;

export function loadFailure(result: number, { region, bytesMissing, message }: ErrorInfo): LoadFailure | undefined {
  if (result === 0) return undefined;
  const memory = result === RESULT_OUT_OF_MEMORY || result === RESULT_MODEL_MEMORY;
  return {
    kind: memory ? "memory" : result === RESULT_MODEL ? "model" : "core",
    region: region === 1 ? "fast" : region === 2 ? "slow" : undefined,
    bytesMissing,
    message,
  };
}
