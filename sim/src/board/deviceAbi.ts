/**
 * Made by scripts/make-device-types.mjs from the device's ABI, as the simulated board was compiled with it; changes
 * belong there: in core/port.zig, or in sim/device/board.zig. What each event and each function means stands in
 * include/synapse_device.h.
 */

export const CUTS = ["dropped", "torn", "half", "unwritten", "rotten", "unstable", "completed"] as const;
export type Cut = (typeof CUTS)[number];

export const RESET_REASONS = ["power-on", "software", "watchdog", "brownout", "panic"] as const;
export type ResetReason = (typeof RESET_REASONS)[number];

export const FETCH_RESULTS = [
  "broken",
  "whole",
  "name",
  "refused",
  "unreachable",
  "timeout",
  "tls",
  "certificate",
  "redirects",
  "scheme",
  "address",
] as const;
export type FetchResult = (typeof FETCH_RESULTS)[number];

export const LOG_LEVELS = ["error", "warn", "info"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface MqttMessage {
  readonly qos: number;
  readonly retain: boolean;
  readonly duplicate: boolean;
  readonly packetId: number;
  readonly topic: string;
  readonly payload: Uint8Array | undefined;
  readonly totalBytes: number;
  readonly contentType: string;
  readonly responseTopic: string;
  readonly correlation: Uint8Array;
  readonly properties: readonly (readonly [string, string])[];
}

export interface MqttSession {
  readonly keepaliveS: number;
  readonly brokerUrl: string;
  readonly username: string;
  readonly password: string;
  readonly clientId: string;
  readonly willTopic: string;
  readonly willPayload: string;
}

export interface Identity {
  readonly id: string;
  readonly name: string;
  readonly model: string;
}

export interface FlashStatus {
  readonly powered: boolean;
  readonly operations: number;
}

export interface ErrorInfo {
  readonly code: number;
  readonly region: number;
  readonly modelCode: number;
  readonly bytesNeeded: number;
  readonly bytesMissing: number;
  readonly message: string;
}

/** What the world tells the core. */
export interface DeviceEvents {
  requestHead(
    request: number,
    method: string,
    target: string,
    client: string,
    headers: readonly (readonly [string, string])[],
  ): void;
  bodyChunk(request: number, bytes: Uint8Array): void;
  requestEnd(request: number): void;
  requestClosed(request: number): void;
  imageDecoded(job: number, rgb: Uint8Array | undefined, message: string): void;
  work(): void;
  workDone(): void;
  openClaim(): void;
  mqttConnected(protocolVersion: number): void;
  mqttDisconnected(): void;
  mqttFailed(detail: string): void;
  mqttReceived(request: number, message: MqttMessage): void;
  fetchHead(fetch: number, status: number, length: number, contentType: string): void;
  fetchChunk(fetch: number, bytes: Uint8Array): void;
  fetchEnd(fetch: number, result: FetchResult): void;
  logged(level: number, text: string): void;
  tick(nowUs: number): void;
}

/** What the core asks of the world, as far as the simulated board does not answer it itself. */
export interface DevicePort {
  log(level: LogLevel, text: string): void;
  ticksUs(): number;
  random(out: Uint8Array): void;
  sendHead(request: number, status: number, headers: readonly (readonly [string, string])[]): void;
  sendChunk(request: number, bytes: Uint8Array): void;
  end(request: number): void;
  decodeImage(job: number, bytes: Uint8Array, contentType: string, width: number, height: number): void;
  startWork(): void;
  reboot(): void;
  mqttPublish(message: MqttMessage): number;
  mqttSubscribe(filter: string, on: boolean): void;
  settingsChanged(): void;
  fetchStart(fetch: number, url: string, fromByte: number): void;
  fetchCancel(fetch: number): void;
}

/** What a host may ask of a simulated board at any time. */
export interface BoardQueries {
  mqttSession(): MqttSession;
  identity(): Identity;
  flashStatus(): FlashStatus;
  bootError(): ErrorInfo;
}

/** What a simulated board is made of; see sim/device/board.zig. */
export interface CoreOptions {
  readonly deviceId: string;
  readonly deviceName: string;
  readonly boardId: string;
  readonly boardName: string;
  readonly chip: string;
  readonly radio: string;
  readonly engine: string;
  readonly chipRevision: number;
  readonly cpuHz: number;
  readonly psramHz: number;
  readonly flashHz: number;
  readonly flashBytes: number;
  readonly fastBytes: number;
  readonly slowBytes: number;
  readonly threads: number;
  readonly bodyBytesMax: number;
  readonly exchangeCount: number;
  readonly recordsBytes: number;
  readonly settingsBytes: number;
  readonly slotBytes: readonly [number, number];
  readonly slotNames: readonly [string, string];
  readonly otaBytes: readonly [number, number];
  readonly otadataBytes: number;
  readonly flashSeed: number;
  readonly updateKeys: readonly string[];
  readonly modelGmacMax: number;
  readonly resetReason: string;
}
