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

/** The part of the WebAssembly JavaScript interface that is used; browsers and Node have it alike. */
interface WasmApi {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ readonly instance: { readonly exports: Record<string, unknown> } }>;
}
interface Globals {
  readonly WebAssembly: WasmApi;
  readonly crypto: { getRandomValues(bytes: Uint8Array): Uint8Array };
}
const { WebAssembly: wasm, crypto } = globalThis as unknown as Globals;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The device core as a WASM module; `bytes` are those of `synapse-board.wasm`. Inference runs on the calling thread, in turns of 20 ms, or
 * 50 ms in the middle of a model's run and the op that it is in then; between turns other requests are served.
 */
export async function createWasmCore(
  bytes: Uint8Array,
  options: CoreOptions,
  port: CorePort,
  clock: BoardClock = realClock,
): Promise<DeviceCore> {
  const core = new WasmCore(port, clock);
  const { instance } = await wasm.instantiate(bytes, { port: core.imports });
  core.start(instance.exports, options);
  return core;
}

class WasmCore implements DeviceCore {
  readonly imports: Record<string, (...args: number[]) => number | undefined>;
  #exports: Record<string, (...args: number[]) => number> = {};
  #memory: { readonly buffer: ArrayBuffer } = { buffer: new ArrayBuffer(0) };
  #port: CorePort;
  #clock: BoardClock;
  #ended = false;

  constructor(port: CorePort, clock: BoardClock) {
    this.#port = port;
    this.#clock = clock;
    this.imports = {
      log: (level = 0, at = 0, bytes = 0) => void port.log(LOG_LEVELS[level] ?? "info", this.#text(at, bytes)),
      ticks_us: () => clock.nowUs(),
      random: (at = 0, bytes = 0) => void crypto.getRandomValues(new Uint8Array(this.#memory.buffer, at, bytes)),
      send_head: (request = 0, status = 0, at = 0, bytes = 0) =>
        void port.sendHead(request, status, unflattenHeaders(this.#text(at, bytes))),
      send_chunk: (request = 0, at = 0, bytes = 0) => void port.sendChunk(request, this.#copy(at, bytes)),
      end: (request = 0) => void port.end(request),
      decode_image: (job = 0, at = 0, bytes = 0, typeAt = 0, typeBytes = 0, width = 0, height = 0) =>
        void port.decodeImage(job, this.#copy(at, bytes), this.#text(typeAt, typeBytes), width, height),
      reboot: () => void port.reboot(),
      mqtt_publish: (at = 0, bytes = 0, payloadAt = 0, payloadBytes = 0) =>
        port.mqttPublish(unflattenMessage(this.#text(at, bytes), this.#copy(payloadAt, payloadBytes))) ? 0 : -1,
      mqtt_subscribe: (at = 0, bytes = 0, on = 0) => void port.mqttSubscribe(this.#text(at, bytes), on === 1),
      settings_changed: () => void port.settingsChanged(),
      fetch_start: (fetch = 0, at = 0, bytes = 0, fromByte = 0) => void port.fetchStart(fetch, this.#text(at, bytes), fromByte),
      fetch_cancel: (fetch = 0) => void port.fetchCancel(fetch),
      start_work: () =>
        void clock.after(0, () => {
          this.#call("board_work");
          this.#call("board_work_done");
        }),
    };
  }

  start(exports: Record<string, unknown>, options: CoreOptions): void {
    this.#exports = exports as Record<string, (...args: number[]) => number>;
    this.#memory = exports.memory as { readonly buffer: ArrayBuffer };
    const created = this.#with(encoder.encode(JSON.stringify(options)), (at, bytes) => this.#call("board_create", at, bytes));
    if (created !== 0) throw new Error(`the board's core cannot be created (${created === -2 ? "out of memory" : "options refused"})`);
  }

  program(slot: 0 | 1, model: Uint8Array): boolean {
    return this.#with(model, (at, bytes) => this.#call("board_program", slot, at, bytes)) === 1;
  }

  boot(): LoadFailure | undefined {
    return this.#failureOf(this.#call("board_boot"));
  }

  async restart(reason: ResetReason): Promise<LoadFailure | undefined> {
    await outsideCalls();
    // Work that waits for its turn finds a device without any.
    return this.#with(encoder.encode(reason), (at, bytes) => this.#failureOf(this.#call("board_restart", at, bytes)));
  }

  cutPower(after: number, cut: PowerCut): void {
    this.#call("board_cut_power", after, POWER_CUTS.indexOf(cut));
  }

  flash(): { readonly powered: boolean; readonly operations: number } {
    return { powered: this.#call("board_powered") === 1, operations: this.#call("board_flash_operations") };
  }

  requestHead(request: number, method: string, target: string, client: string, headers: readonly (readonly [string, string])[]): void {
    const flat = encoder.encode(`${method}\0${target}\0${client}\0${flattenHeaders(headers)}`);
    this.#with(flat, (at, bytes) => this.#call("board_request_head", request, at, bytes));
  }

  bodyChunk(request: number, body: Uint8Array): void {
    this.#with(body, (at, bytes) => this.#call("board_body_chunk", request, at, bytes));
  }

  requestEnd(request: number): void {
    this.#call("board_request_end", request);
  }

  requestClosed(request: number): void {
    this.#call("board_request_closed", request);
  }

  imageDecoded(job: number, rgb: Uint8Array | undefined, message: string): void {
    this.#with(encoder.encode(message), (messageAt, messageBytes) => {
      if (rgb === undefined) return this.#call("board_image_decoded", job, 0, 0, messageAt, messageBytes);
      return this.#with(rgb, (at, bytes) => this.#call("board_image_decoded", job, at, bytes, messageAt, messageBytes));
    });
  }

  openClaim(): void {
    this.#call("board_open_claim");
  }

  mqttSession(): MqttSession {
    return unflattenSession(this.#text(this.#call("board_mqtt_session_text"), this.#call("board_mqtt_session")));
  }

  identity(): BoardIdentity {
    const bytes = this.#call("board_identity");
    return unflattenIdentity(this.#text(this.#call("board_mqtt_session_text"), bytes));
  }

  mqttConnected(protocol: 4 | 5): void {
    this.#call("board_mqtt_connected", protocol);
  }

  mqttDisconnected(): void {
    this.#call("board_mqtt_disconnected");
  }

  mqttFailed(detail: string): void {
    this.#with(encoder.encode(detail), (at, bytes) => this.#call("board_mqtt_failed", at, bytes));
  }

  mqttReceived(request: number, message: IncomingMessage): void {
    this.#with(encoder.encode(flattenMessage(message)), (metaAt, metaBytes) =>
      this.#with(message.payload, (at, bytes) => this.#call("board_mqtt_received", request, metaAt, metaBytes, at, bytes)),
    );
    this.requestEnd(request);
  }

  fetchHead(fetch: number, status: number, length: number, mediaType: string): void {
    this.#with(encoder.encode(mediaType), (at, bytes) => this.#call("board_fetch_head", fetch, status, length, at, bytes));
  }

  fetchChunk(fetch: number, chunk: Uint8Array): void {
    this.#with(chunk, (at, bytes) => this.#call("board_fetch_chunk", fetch, at, bytes));
  }

  fetchEnd(fetch: number, result: FetchResult): void {
    this.#call("board_fetch_end", fetch, FETCH_RESULTS.indexOf(result));
  }

  tick(): void {
    this.#call("board_tick", this.#clock.nowUs());
  }

  async close(): Promise<void> {
    this.#ended = true;
    await outsideCalls();
    this.#exports = {};
    this.#memory = { buffer: new ArrayBuffer(0) };
  }

  #failureOf(result: number): LoadFailure | undefined {
    if (result === 0 || this.#ended) return undefined;
    const message = this.#text(this.#call("board_error_message"), this.#call("board_error_message_bytes"));
    return loadFailure(result, this.#call("board_error_region"), this.#call("board_error_bytes_missing"), message);
  }

  #call(name: string, ...args: number[]): number {
    if (this.#ended) return 0;
    const target = this.#exports[name];
    if (target === undefined) throw new Error(`the WASM board exports no ${name}: rebuild it`);
    try {
      return target(...args) ?? 0;
    } catch (cause) {
      // After a trap the module's memory may be half-written, so nothing is run on it again.
      this.#ended = true;
      this.#port.crashed(new Error(`the WASM board trapped in ${name}: ${(cause as Error).message}`));
      return 0;
    }
  }

  /** Calls with a copy of `data` in the module's memory. */
  #with<Result>(data: Uint8Array, use: (at: number, bytes: number) => Result): Result {
    const at = this.#call("board_alloc", Math.max(1, data.length));
    if (!this.#ended && at === 0) throw new Error(`no memory in the WASM board for ${data.length} bytes`);
    if (!this.#ended) new Uint8Array(this.#memory.buffer, at, data.length).set(data);
    const result = use(at, data.length);
    this.#call("board_free", at, Math.max(1, data.length));
    return result;
  }

  // Views are made anew each time: growing the memory detaches its old buffer.
  #copy(at: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, at >>> 0, bytes).slice();
  }

  #text(at: number, bytes: number): string {
    return decoder.decode(new Uint8Array(this.#memory.buffer, at >>> 0, bytes));
  }
}
