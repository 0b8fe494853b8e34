import { getRandomValues } from "node:crypto";
import { createRequire } from "node:module";
import { buildFile } from "../engine/builds.js";
import {
  type CoreOptions,
  type CorePort,
  type DeviceCore,
  flattenHeaders,
  LOG_LEVELS,
  type LoadFailure,
  loadFailure,
  unflattenHeaders,
} from "./deviceCore.js";

type Handle = object;

/** The board functions of sim/native/board_binding.zig. */
interface Addon {
  boardCreate(options: Uint8Array, port: object): Handle;
  boardLoad(board: Handle, slot: Uint8Array, model: Uint8Array): number;
  boardError(board: Handle): { readonly message: string; readonly region: number; readonly bytesMissing: number };
  boardRequestHead(board: Handle, request: number, flat: Uint8Array): void;
  boardBodyChunk(board: Handle, request: number, bytes: Uint8Array): void;
  boardRequestEnd(board: Handle, request: number): void;
  boardRequestClosed(board: Handle, request: number): void;
  boardImageDecoded(board: Handle, job: number, rgb: Uint8Array, message: Uint8Array): void;
  boardTick(board: Handle): void;
  boardClose(board: Handle): void;
}

const encoder = new TextEncoder();
const NOTHING = new Uint8Array();

/** The device core in the Node addon. Inference runs on a thread of its own, so requests are answered meanwhile. */
export function createNativeCore(options: CoreOptions, port: CorePort): DeviceCore {
  const addon = createRequire(import.meta.url)(buildFile("synapse.node")) as Addon;
  return new NativeCore(addon, options, port);
}

class NativeCore implements DeviceCore {
  #addon: Addon;
  #handle: Handle;
  #closed = false;

  constructor(addon: Addon, options: CoreOptions, port: CorePort) {
    this.#addon = addon;
    this.#handle = addon.boardCreate(encoder.encode(JSON.stringify(options)), {
      log: (level: number, text: string) => port.log(LOG_LEVELS[level] ?? "info", text),
      random: (bytes: Uint8Array) => void getRandomValues(bytes),
      sendHead: (request: number, status: number, flat: string) => port.sendHead(request, status, unflattenHeaders(flat)),
      sendChunk: (request: number, bytes: Uint8Array) => port.sendChunk(request, bytes),
      end: (request: number) => port.end(request),
      decodeImage: (job: number, bytes: Uint8Array, mediaType: string, width: number, height: number) =>
        port.decodeImage(job, bytes, mediaType, width, height),
    });
  }

  load(slot: string, model: Uint8Array): LoadFailure | undefined {
    const result = this.#addon.boardLoad(this.#handle, encoder.encode(slot), model);
    const { message, region, bytesMissing } = this.#addon.boardError(this.#handle);
    return loadFailure(result, region, bytesMissing, message);
  }

  requestHead(request: number, method: string, target: string, headers: readonly (readonly [string, string])[]): void {
    const flat = encoder.encode(`${method}\0${target}\0${flattenHeaders(headers)}`);
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

  tick(): void {
    if (!this.#closed) this.#addon.boardTick(this.#handle);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#addon.boardClose(this.#handle);
  }
}
