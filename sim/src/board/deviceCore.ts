/** Sizes and names of a board as the device core takes them (sim/device/board.zig). */
export interface CoreOptions {
  readonly deviceId: string;
  readonly deviceName: string;
  readonly boardId: string;
  readonly boardName: string;
  readonly chip: string;
  readonly radio: string;
  readonly engine: string;
  /** major * 100 + minor */
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
  /** Sizes of the flash areas in bytes. */
  readonly recordsBytes: number;
  readonly settingsBytes: number;
  readonly slotBytes: readonly [number, number];
  readonly slotNames: readonly [string, string];
  /** Places of the firmware, and the record of which one starts; all 0 when it cannot be updated. */
  readonly otaBytes: readonly [number, number];
  readonly otadataBytes: number;
  /** Of what a cut of power leaves in the flash. */
  readonly flashSeed: number;
  /** Uncompressed points on P-256, in hexadecimal. */
  readonly updateKeys: readonly string[];
  /** Thousand millions of multiply-accumulates that a model may take; 0: the core's own bound. */
  readonly modelGmacMax: number;
}

/**
 * What a cut of power leaves of the flash operation under way: nothing of it; a random first part; the first half; an erase done but a write not;
 * a random first part and random bits after it; the same, with bits that read differently each time; all of it. In the order of
 * sim/device/sim_flash.zig.
 */
export const POWER_CUTS = ["dropped", "torn", "half", "unwritten", "rotten", "unstable", "completed"] as const;
export type PowerCut = (typeof POWER_CUTS)[number];

/** How a download ended, in the order of synapse_device_fetch_result. */
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

/** Why a board started. */
export type ResetReason = "power-on" | "software" | "watchdog" | "brownout" | "panic";

export type LogLevel = "error" | "warn" | "info";

/** What the core asks of its host. Byte arrays are the receiver's to keep. */
export interface CorePort {
  log(level: LogLevel, text: string): void;
  sendHead(request: number, status: number, headers: readonly (readonly [string, string])[]): void;
  sendChunk(request: number, bytes: Uint8Array): void;
  end(request: number): void;
  /** Answer with `imageDecoded`, at any later time. */
  decodeImage(job: number, bytes: Uint8Array, mediaType: string, width: number, height: number): void;
  /** Start the board anew, after what it has said so far is on its way. */
  reboot(): void;
  /** False: there is no room for the message. */
  mqttPublish(message: OutgoingMessage): boolean;
  mqttSubscribe(filter: string, on: boolean): void;
  /** Settings of the network or the broker may have changed. */
  settingsChanged(): void;
  /** Get a file, from a byte on; answer with `fetchHead`, `fetchChunk` and `fetchEnd`, at a later time. */
  fetchStart(fetch: number, url: string, fromByte: number): void;
  /** Nobody wants the file any more. */
  fetchCancel(fetch: number): void;
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

/** With what a board connects to its broker. */
export interface MqttSession {
  /** Empty: the owner has set none. */
  readonly brokerUrl: string;
  readonly username: string;
  readonly password: string;
  readonly clientId: string;
  readonly willTopic: string;
  readonly willPayload: string;
  readonly keepaliveS: number;
}

/** What a board calls itself. */
export interface BoardIdentity {
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** The one that runs; empty when none does. */
  readonly model: string;
}

/** Why a model could not be loaded. */
export interface LoadFailure {
  readonly kind: "memory" | "model" | "core";
  /** The region that is too small. */
  readonly region: "fast" | "slow" | undefined;
  readonly bytesMissing: number;
  readonly message: string;
}

/** The device core of one board, in one of its builds. */
export interface DeviceCore {
  /** Puts a model into a slot as the factory does, before `boot`. False when it is larger than the slot. */
  program(slot: 0 | 1, model: Uint8Array): boolean;
  /** Runs the model that the flash names; undefined when one is running. */
  boot(): LoadFailure | undefined;
  /** Starts anew with nothing but the flash, once the work under way has ended. */
  restart(reason: ResetReason): Promise<LoadFailure | undefined>;
  /** Power goes in the middle of the flash operation `after` operations from now. */
  cutPower(after: number, cut: PowerCut): void;
  /** Whether the flash has power, and how many erases and writes it has seen. */
  flash(): { readonly powered: boolean; readonly operations: number };
  requestHead(request: number, method: string, target: string, client: string, headers: readonly (readonly [string, string])[]): void;
  bodyChunk(request: number, bytes: Uint8Array): void;
  requestEnd(request: number): void;
  requestClosed(request: number): void;
  /** `rgb` undefined: decoding failed, and `message` says why. */
  imageDecoded(job: number, rgb: Uint8Array | undefined, message: string): void;
  /** Somebody presses the button that opens the claim window. */
  openClaim(): void;
  mqttSession(): MqttSession;
  identity(): BoardIdentity;
  /** 4 is MQTT 3.1.1. */
  mqttConnected(protocol: 4 | 5): void;
  mqttDisconnected(): void;
  /** Something went wrong between the board and its broker. */
  mqttFailed(detail: string): void;
  /** A whole message; its request has ended when this returns. */
  mqttReceived(request: number, message: IncomingMessage): void;
  /** `length` 0: unknown. */
  fetchHead(fetch: number, status: number, length: number, mediaType: string): void;
  fetchChunk(fetch: number, bytes: Uint8Array): void;
  fetchEnd(fetch: number, result: FetchResult): void;
  tick(): void;
  close(): Promise<void>;
}

/**
 * Resolves when no call of a core is under way. Whoever hears of something from inside one may end or restart the board, and the call would go on in
 * memory that is no longer its own.
 */
export const outsideCalls = (): Promise<void> => Promise.resolve();

export const LOG_LEVELS: readonly LogLevel[] = ["error", "warn", "info"];

/** Headers as they cross into the core and out of it: names and values, each ended by a zero byte. */
export function flattenHeaders(headers: readonly (readonly [string, string])[]): string {
  return headers.map(([name, value]) => `${name}\0${value}\0`).join("");
}

export function unflattenHeaders(flat: string): [string, string][] {
  const parts = flat.split("\0");
  const headers: [string, string][] = [];
  for (let i = 0; i + 1 < parts.length; i += 2) headers.push([parts[i] ?? "", parts[i + 1] ?? ""]);
  return headers;
}

export const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const noZeros = (text: string): string => text.replaceAll("\0", "");

/** A message as it crosses into the core, but for its payload (sim/device/board.zig). */
export function flattenMessage(message: IncomingMessage): string {
  const flags = `${message.qos}${message.retain ? 1 : 0}${message.duplicate ? 1 : 0}`;
  const parts = [message.topic, flags, String(message.packetId), message.contentType ?? "", message.responseTopic ?? ""].map(noZeros);
  return `${parts.join("\0")}\0${hexOf(message.correlation ?? new Uint8Array())}\0${flattenHeaders(
    (message.properties ?? []).map(([name, value]) => [noZeros(name), noZeros(value)]),
  )}`;
}

export function unflattenMessage(flat: string, payload: Uint8Array): OutgoingMessage {
  const [topic = "", flags = "", contentType = "", hex = "", ...rest] = flat.split("\0");
  return {
    topic,
    payload,
    qos: flags[0] === "1" ? 1 : 0,
    retain: flags[1] === "1",
    contentType,
    correlation: Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)),
    properties: unflattenHeaders(rest.join("\0")),
  };
}

export function unflattenSession(flat: string): MqttSession {
  const [brokerUrl = "", username = "", password = "", clientId = "", willTopic = "", willPayload = "", keepalive = "0"] = flat.split("\0");
  return { brokerUrl, username, password, clientId, willTopic, willPayload, keepaliveS: Number(keepalive) };
}

export function unflattenIdentity(flat: string): BoardIdentity {
  const [id = "", name = "", model = ""] = flat.split("\0");
  return { id, name, model };
}

/** Result codes of include/synapse_device.h. */
const RESULT_OUT_OF_MEMORY = -2;
const RESULT_MODEL = -3;
const RESULT_MODEL_MEMORY = -4;

export function loadFailure(result: number, region: number, bytesMissing: number, message: string): LoadFailure | undefined {
  if (result === 0) return undefined;
  const memory = result === RESULT_OUT_OF_MEMORY || result === RESULT_MODEL_MEMORY;
  return {
    kind: memory ? "memory" : result === RESULT_MODEL ? "model" : "core",
    region: region === 1 ? "fast" : region === 2 ? "slow" : undefined,
    bytesMissing,
    message,
  };
}
