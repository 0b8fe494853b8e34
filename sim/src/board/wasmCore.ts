import { type AbiManifest, Block, readFields, readStruct } from "./abiMemory.js";
import { type BoardClock, realClock } from "./clock.js";
import {
  type BoardQueries,
  CUTS,
  type DeviceEvents,
  type DevicePort,
  type ErrorInfo,
  RESET_REASONS,
} from "./deviceAbi.js";
import {
  type BoardControls,
  type CoreOptions,
  type CorePort,
  type DeviceCore,
  FLASH_AREAS,
  type FlashArea,
  type LoadFailure,
  loadFailure,
  outsideCalls,
  type PowerCut,
  type ResetReason,
} from "./deviceCore.js";

/** The part of the WebAssembly JavaScript interface that is used; browsers and Node have it alike. */
interface WasmApi {
  instantiate(
    bytes: Uint8Array,
    imports: object,
  ): Promise<{ readonly instance: { readonly exports: Record<string, unknown> } }>;
}
interface Globals {
  readonly WebAssembly: WasmApi;
  readonly crypto: { getRandomValues(bytes: Uint8Array): Uint8Array };
}
const { WebAssembly: wasm, crypto } = globalThis as unknown as Globals;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The device core as a WASM module; `bytes` are those of `synapse-board.wasm`. Inference runs on the calling thread, in
 * turns of 20 ms, or 50 ms in the middle of a model's run and the op that it is in then;
 * between turns other requests are served.
 */
export async function createWasmCore(
  bytes: Uint8Array,
  options: CoreOptions,
  port: CorePort,
  clock: BoardClock = realClock,
): Promise<DeviceCore> {
  const core = new WasmBoard(port, clock);
  // Which functions the module asks of its host is in the module itself,
  // so they are found by name when they are called.
  const imports = new Proxy({}, { get: (_, name) => (at: number) => core.ask(String(name), at) });
  const { instance } = await wasm.instantiate(bytes, { port: imports });
  core.start(instance.exports, options);
  // The board reads the clock itself when it ticks.
  const { tick: _, ...heard } = core.events;
  return Object.assign(core, heard, core.queries);
}

class WasmBoard implements BoardControls {
  #exports: Record<string, (...args: number[]) => number> = {};
  #memory: { readonly buffer: ArrayBuffer } = { buffer: new ArrayBuffer(0) };
  #manifest: AbiManifest = { enums: {}, structs: {}, events: {}, port: {}, queries: {} };
  #asked = new Map<string, (at: number) => number>();
  #port: CorePort;
  #calls: DevicePort;
  #clock: BoardClock;
  #ended = false;

  constructor(port: CorePort, clock: BoardClock) {
    this.#port = port;
    this.#clock = clock;
    const own: Pick<DevicePort, "ticksUs" | "random" | "startWork"> = {
      ticksUs: () => clock.nowUs(),
      random: (out) => void crypto.getRandomValues(out),
      startWork: () =>
        void clock.after(0, () => {
          this.#tell("work", []);
          this.#tell("workDone", []);
        }),
    };
    this.#calls = Object.assign(Object.create(port) as CorePort, own);
  }

  start(exports: Record<string, unknown>, options: CoreOptions): void {
    this.#exports = exports as Record<string, (...args: number[]) => number>;
    this.#memory = exports.memory as { readonly buffer: ArrayBuffer };
    const text = new Uint8Array(this.#memory.buffer, this.#call("board_manifest"), this.#call("board_manifest_bytes"));
    this.#manifest = JSON.parse(decoder.decode(text)) as AbiManifest;
    for (const [name, function_] of Object.entries(this.#manifest.port)) {
      const call = (this.#calls as unknown as Record<string, (...given: unknown[]) => unknown>)[name];
      if (call === undefined) throw new Error(`the WASM board asks for ${name}, which nobody answers: rebuild it`);
      this.#asked.set(function_.call, (at) => {
        const given = readFields(this.#manifest, function_, this.#memory.buffer, at >>> 0);
        return Number(call.apply(this.#calls, given) ?? 0);
      });
    }
    const created = this.#with(encoder.encode(JSON.stringify(options)), (at, bytes) =>
      this.#call("board_create", at, bytes),
    );
    if (created !== 0)
      throw new Error(`the board's core cannot be created (${created === -2 ? "out of memory" : "options refused"})`);
  }

  /** A function of the port, with the address of its arguments. */
  ask(name: string, at: number): number {
    return this.#asked.get(name)?.(at) ?? 0;
  }

  get events(): DeviceEvents {
    const names = Object.keys(this.#manifest.events);
    return Object.fromEntries(
      names.map((name) => [name, (...given: readonly unknown[]) => this.#tell(name, given)]),
    ) as unknown as DeviceEvents;
  }

  get queries(): BoardQueries {
    return Object.fromEntries(
      Object.entries(this.#manifest.queries).map(([name, { call, answers }]) => [
        name,
        () => readStruct(this.#manifest, answers, this.#memory.buffer, this.#call(call) >>> 0),
      ]),
    ) as unknown as BoardQueries;
  }

  #tell(name: string, given: readonly unknown[]): void {
    const event = this.#manifest.events[name];
    if (event === undefined) throw new Error(`the WASM board hears no ${name}: rebuild it`);
    const block = new Block(this.#manifest, event, given);
    this.#withMemory(block.bytes, (at) => {
      block.store(this.#memory.buffer, at);
      return this.#call(event.call, at);
    });
  }

  program(area: FlashArea, bytes: Uint8Array): boolean {
    const id = FLASH_AREAS.indexOf(area);
    return this.#with(bytes, (at, length) => this.#call("board_program", id, at, length)) === 1;
  }

  readFlash(area: FlashArea): Uint8Array {
    const id = FLASH_AREAS.indexOf(area);
    const start = this.#call("board_flash", id) >>> 0;
    return new Uint8Array(this.#memory.buffer, start, this.#call("board_flash_bytes", id)).slice();
  }

  boot(): LoadFailure | undefined {
    return this.#failureOf(this.#call("board_boot"));
  }

  async restart(reason: ResetReason): Promise<LoadFailure | undefined> {
    await outsideCalls();
    // Work that waits for its turn finds a device without any.
    return this.#failureOf(this.#call("board_restart", RESET_REASONS.indexOf(reason)));
  }

  cutPower(after: number, cut: PowerCut): void {
    this.#call("board_cut_power", after, CUTS.indexOf(cut));
  }

  setWifi(ssid: string, password: string): boolean {
    const given = encoder.encode(`${ssid}\0${password}`);
    return this.#with(given, (at, bytes) => this.#call("board_set_wifi", at, bytes)) === 1;
  }

  tick(): void {
    this.#tell("tick", [this.#clock.nowUs()]);
  }

  async close(): Promise<void> {
    this.#ended = true;
    await outsideCalls();
    this.#exports = {};
    this.#memory = { buffer: new ArrayBuffer(0) };
  }

  #failureOf(result: number): LoadFailure | undefined {
    if (result === 0 || this.#ended) return undefined;
    return loadFailure(result, this.queries.bootError() as ErrorInfo);
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
  #with(data: Uint8Array, use: (at: number, bytes: number) => number): number {
    return this.#withMemory(data.length, (at) => {
      new Uint8Array(this.#memory.buffer, at, data.length).set(data);
      return use(at, data.length);
    });
  }

  #withMemory(bytes: number, use: (at: number) => number): number {
    if (this.#ended) return 0;
    const at = this.#call("board_alloc", Math.max(1, bytes)) >>> 0;
    if (at === 0) throw new Error(`no memory in the WASM board for ${bytes} bytes`);
    const result = use(at);
    this.#call("board_free", at, Math.max(1, bytes));
    return result;
  }
}
