import { getRandomValues } from "node:crypto";
import { boardAddon } from "./boardBuilds.js";
import { type BoardClock, realClock } from "./clock.js";
import {
  type BoardIdentity,
  type CoreOptions,
  type CorePort,
  type DeviceCore,
  FETCH_RESULTS,
  type FetchResult,
  flattenHeaders,
  flattenMessage,
  type IncomingMessage,
  LOG_LEVELS,
  type LoadFailure,
  loadFailure,
  type MqttSession,
  outsideCalls,
  POWER_CUTS,
  type PowerCut,
  type ResetReason,
  unflattenHeaders,
  unflattenIdentity,
  unflattenMessage,
  unflattenSession,
} from "./deviceCore.js";

type Handle = object;

/** The board functions of sim/native/board_binding.zig. */
interface Addon {
  boardCreate(options: Uint8Array, port: object, stepped: number): Handle;
  boardProgram(board: Handle, slot: number, model: Uint8Array): number;
  boardBoot(board: Handle): number;
  boardRestart(board: Handle, reason: Uint8Array): void;
  boardCutPower(board: Handle, after: number, cut: number): void;
  boardFlash(board: Handle): { readonly powered: number; readonly operations: number };
  boardError(board: Handle): { readonly message: string; readonly region: number; readonly bytesMissing: number };
  boardRequestHead(board: Handle, request: number, flat: Uint8Array): void;
  boardBodyChunk(board: Handle, request: number, bytes: Uint8Array): void;
  boardRequestEnd(board: Handle, request: number): void;
  boardRequestClosed(board: Handle, request: number): void;
  boardImageDecoded(board: Handle, job: number, rgb: Uint8Array, message: Uint8Array): void;
  boardTick(board: Handle): void;
  boardWork(board: Handle): void;
  boardOpenClaim(board: Handle): void;
  boardMqttConnected(board: Handle, protocol: number): void;
  boardMqttDisconnected(board: Handle): void;
  boardMqttFailed(board: Handle, detail: Uint8Array): void;
  boardMqttReceived(board: Handle, request: number, meta: Uint8Array, payload: Uint8Array): void;
  boardMqttSession(board: Handle): string;
  boardFetchHead(board: Handle, fetch: number, status: number, length: number, mediaType: Uint8Array): void;
  boardFetchChunk(board: Handle, fetch: number, bytes: Uint8Array): void;
  boardFetchEnd(board: Handle, fetch: number, result: number): void;
  boardIdentity(board: Handle): string;
  boardClose(board: Handle): void;
}

const encoder = new TextEncoder();
const NOTHING = new Uint8Array();

/**
 * The device core in the Node addon. Inference runs on a thread of its own, so requests are answered meanwhile; but with a clock other than the
 * machine's, on the calling thread when the clock says so.
 */
export function createNativeCore(options: CoreOptions, port: CorePort, clock: BoardClock = realClock): DeviceCore {
  const addon = boardAddon() as Addon;
  return new NativeCore(addon, options, port, clock);
}

class NativeCore implements DeviceCore {
  #addon: Addon;
  #handle: Handle;
  #closed = false;
  /** Of restarts that have not come yet: one comes for all of them. */
  #restarting: ((result: number) => void)[] = [];

  constructor(addon: Addon, options: CoreOptions, port: CorePort, clock: BoardClock) {
    this.#addon = addon;
    const calls = {
      log: (level: number, text: string) => port.log(LOG_LEVELS[level] ?? "info", text),
      random: (bytes: Uint8Array) => void getRandomValues(bytes),
      sendHead: (request: number, status: number, flat: string) => port.sendHead(request, status, unflattenHeaders(flat)),
      sendChunk: (request: number, bytes: Uint8Array) => port.sendChunk(request, bytes),
      end: (request: number) => port.end(request),
      decodeImage: (job: number, bytes: Uint8Array, mediaType: string, width: number, height: number) =>
        port.decodeImage(job, bytes, mediaType, width, height),
      reboot: () => port.reboot(),
      restarted: (result: number) => this.#tellRestarted(result),
      mqttPublish: (meta: string, payload: Uint8Array) => (port.mqttPublish(unflattenMessage(meta, payload)) ? 0 : -1),
      mqttSubscribe: (filter: string, on: number) => port.mqttSubscribe(filter, on === 1),
      settingsChanged: () => port.settingsChanged(),
      fetchStart: (fetch: number, url: string, fromByte: number) => port.fetchStart(fetch, url, fromByte),
      fetchCancel: (fetch: number) => port.fetchCancel(fetch),
      now: () => clock.nowUs(),
      workWanted: () =>
        void clock.after(0, () => {
          if (!this.#closed) addon.boardWork(this.#handle);
        }),
    };
    this.#handle = addon.boardCreate(encoder.encode(JSON.stringify(options)), calls, clock === realClock ? 0 : 1);
  }

  program(slot: 0 | 1, model: Uint8Array): boolean {
    return this.#addon.boardProgram(this.#handle, slot, model) === 1;
  }

  boot(): LoadFailure | undefined {
    return this.#failureOf(this.#addon.boardBoot(this.#handle));
  }

  async restart(reason: ResetReason): Promise<LoadFailure | undefined> {
    await outsideCalls();
    if (this.#closed) return undefined;
    return new Promise((resolve) => {
      this.#restarting.push((result) => resolve(this.#failureOf(result)));
      this.#addon.boardRestart(this.#handle, encoder.encode(reason));
    });
  }

  #tellRestarted(result: number): void {
    for (const tell of this.#restarting.splice(0)) tell(result);
  }

  cutPower(after: number, cut: PowerCut): void {
    if (!this.#closed) this.#addon.boardCutPower(this.#handle, after, POWER_CUTS.indexOf(cut));
  }

  flash(): { readonly powered: boolean; readonly operations: number } {
    if (this.#closed) return { powered: false, operations: 0 };
    const { powered, operations } = this.#addon.boardFlash(this.#handle);
    return { powered: powered === 1, operations };
  }

  #failureOf(result: number): LoadFailure | undefined {
    if (result === 0 || this.#closed) return undefined;
    const { message, region, bytesMissing } = this.#addon.boardError(this.#handle);
    return loadFailure(result, region, bytesMissing, message);
  }

  requestHead(request: number, method: string, target: string, client: string, headers: readonly (readonly [string, string])[]): void {
    const flat = encoder.encode(`${method}\0${target}\0${client}\0${flattenHeaders(headers)}`);
    if (!this.#closed) this.#addon.boardRequestHead(this.#handle, request, flat);
  }

  bodyChunk(request: number, bytes: Uint8Array): void {
    if (!this.#closed) this.#addon.boardBodyChunk(this.#handle, request, bytes);
  }

  requestEnd(request: number): void {
    if (!this.#closed) this.#addon.boardRequestEnd(this.#handle, request);
  }

  requestClosed(request: number): void {
    if (!this.#closed) this.#addon.boardRequestClosed(this.#handle, request);
  }

  imageDecoded(job: number, rgb: Uint8Array | undefined, message: string): void {
    if (!this.#closed) this.#addon.boardImageDecoded(this.#handle, job, rgb ?? NOTHING, encoder.encode(message));
  }

  openClaim(): void {
    if (!this.#closed) this.#addon.boardOpenClaim(this.#handle);
  }

  mqttSession(): MqttSession {
    return unflattenSession(this.#closed ? "" : this.#addon.boardMqttSession(this.#handle));
  }

  identity(): BoardIdentity {
    return unflattenIdentity(this.#closed ? "" : this.#addon.boardIdentity(this.#handle));
  }

  mqttConnected(protocol: 4 | 5): void {
    if (!this.#closed) this.#addon.boardMqttConnected(this.#handle, protocol);
  }

  mqttDisconnected(): void {
    if (!this.#closed) this.#addon.boardMqttDisconnected(this.#handle);
  }

  mqttFailed(detail: string): void {
    if (!this.#closed) this.#addon.boardMqttFailed(this.#handle, encoder.encode(detail));
  }

  mqttReceived(request: number, message: IncomingMessage): void {
    if (this.#closed) return;
    this.#addon.boardMqttReceived(this.#handle, request, encoder.encode(flattenMessage(message)), message.payload);
    this.#addon.boardRequestEnd(this.#handle, request);
  }

  fetchHead(fetch: number, status: number, length: number, mediaType: string): void {
    if (!this.#closed) this.#addon.boardFetchHead(this.#handle, fetch, status, length, encoder.encode(mediaType));
  }

  fetchChunk(fetch: number, bytes: Uint8Array): void {
    if (!this.#closed) this.#addon.boardFetchChunk(this.#handle, fetch, bytes);
  }

  fetchEnd(fetch: number, result: FetchResult): void {
    if (!this.#closed) this.#addon.boardFetchEnd(this.#handle, fetch, FETCH_RESULTS.indexOf(result));
  }

  tick(): void {
    if (!this.#closed) this.#addon.boardTick(this.#handle);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await outsideCalls();
    this.#addon.boardClose(this.#handle);
    // A restart that waited for the work under way will not come any more.
    this.#tellRestarted(0);
  }
}
