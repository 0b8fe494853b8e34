import { readFile } from "node:fs/promises";
import { buildFile } from "../engine/builds.js";
import { InputError } from "../errors.js";
import { decodeImage } from "../image/decodeImage.js";
import { type Board, corePartitions } from "./boardSchema.js";
import type { CoreOptions, CorePort, DeviceCore, LoadFailure, LogLevel, PowerCut, ResetReason } from "./deviceCore.js";
import { createNativeCore } from "./nativeCore.js";
import { createWasmCore } from "./wasmCore.js";

export type BoardEngine = "native" | "wasm";

export interface SimulatedBoardOptions {
  readonly board: Board;
  /** A packed model; it is in the board's first model partition when it boots for the first time. */
  readonly model: Uint8Array;
  /** Names the model in errors. */
  readonly modelSource?: string;
  readonly engine?: BoardEngine;
  /** Of this board among others: stable identity and a name for people. */
  readonly deviceId?: string;
  readonly deviceName?: string;
  /**
   * `open` (unless given): the board has an owner already, whose token is `ownerToken`, and lets everybody read and infer. `unclaimed`: as it
   * comes from the factory.
   */
  readonly access?: "open" | "unclaimed";
  /** Of what cuts of power leave in the flash; 1 unless given. */
  readonly flashSeed?: number;
  readonly log?: (level: LogLevel, text: string) => void;
}

export interface BoardRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface BoardResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Where an answer goes, piece by piece: one head, chunks, one end. */
export interface ResponseSink {
  head(status: number, headers: readonly (readonly [string, string])[]): void;
  chunk(bytes: Uint8Array): void;
  end(): void;
}

/** The request's side of an exchange under way. */
export interface OpenRequest {
  write(bytes: Uint8Array): void;
  end(): void;
  /** The client left. */
  close(): void;
}

const TICK_MS = 500;
const MHZ = 1_000_000;

/**
 * A board in software: the device core that the firmware runs, with the memory, flash and partitions of a board file around it. What does
 * not fit a real board does not fit this one.
 */
export class SimulatedBoard {
  readonly board: Board;
  readonly engine: BoardEngine;
  #core: DeviceCore | undefined;
  #sinks = new Map<number, ResponseSink>();
  #nextRequest = 1;
  #timer: NodeJS.Timeout | undefined;
  #crash: Error | undefined;
  /** Power is gone, or the board is being reset: nothing is heard and nothing is said. */
  #off = false;
  #cutArmed = false;
  #ownerToken: string | undefined;
  #log: (level: LogLevel, text: string) => void;

  private constructor(options: SimulatedBoardOptions) {
    this.board = options.board;
    this.engine = options.engine ?? "native";
    this.#log = options.log ?? (() => undefined);
  }

  /**
   * Starts a board with a model in its flash. Throws an InputError that says by how many bytes a model does not fit: code
   * `MODEL_EXCEEDS_FLASH` (its partition), `MODEL_EXCEEDS_SRAM` or `MODEL_EXCEEDS_PSRAM`; `MODEL_INVALID` when the runtime refuses it;
   * `BOARD_TOO_SMALL` when the core alone does not fit.
   */
  static async create(options: SimulatedBoardOptions): Promise<SimulatedBoard> {
    checkModelFits(options);
    const simulated = new SimulatedBoard(options);
    const coreOptions = coreOptionsOf(options, simulated.engine);
    const core =
      simulated.engine === "native"
        ? createNativeCore(coreOptions, simulated.#port)
        : await createWasmCore(await readFile(buildFile("synapse-board.wasm")), coreOptions, simulated.#port);
    core.program(0, options.model);
    const failure = core.boot();
    if (failure) {
      await core.close();
      throw loadError(failure, options);
    }
    simulated.#core = core;
    if ((options.access ?? "open") === "open") await simulated.#claimOpen();
    simulated.#timer = setInterval(() => simulated.#event((alive) => alive.tick()), TICK_MS).unref();
    return simulated;
  }

  /** The token of a board that was made `open`. */
  get ownerToken(): string | undefined {
    return this.#ownerToken;
  }

  async #claimOpen(): Promise<void> {
    const ask = async (method: string, target: string, body: object, headers: Record<string, string> = {}) => {
      const bytes = new TextEncoder().encode(JSON.stringify(body));
      const answer = await this.handle({ method, target, headers: { "content-type": "application/json", ...headers }, body: bytes });
      if (answer.status >= 300) throw new Error(`${method} ${target} answered ${answer.status}`);
      return JSON.parse(new TextDecoder().decode(answer.body)) as Record<string, unknown>;
    };
    const { token } = await ask("POST", "/v1/claim", {});
    this.#ownerToken = token as string;
    await ask("PUT", "/v1/settings", { open_read: true, open_inference: true }, { authorization: `Bearer ${token}` });
  }

  /** Whether the board has power and is not being reset. */
  get running(): boolean {
    return this.#core !== undefined && !this.#off && this.#crash === undefined;
  }

  /** Erases and writes that the flash has seen since the board was made. */
  get flashOperations(): number {
    return this.#core?.flash().operations ?? 0;
  }

  /**
   * Power goes in the middle of the flash operation `after` operations from now, and leaves of it what `cut` says. Clients lose their
   * connections; the board is silent until `reset`.
   */
  cutPower(after: number, cut: PowerCut): void {
    this.#cutArmed = true;
    this.#core?.cutPower(after, cut);
  }

  /** Resets the board, or gives it its power back: everything but the flash starts anew, requests under way are lost. */
  async reset(reason: ResetReason = "power-on"): Promise<void> {
    const core = this.#core;
    if (core === undefined || this.#crash) throw this.#crash ?? closed();
    this.#turnOff();
    await core.restart(reason);
    this.#cutArmed = false;
    this.#off = false;
  }

  #turnOff(): void {
    this.#off = true;
    for (const sink of this.#takeSinks()) sink.end();
  }

  /** False when the board has no power; the first to notice cuts all connections. */
  #alive(): boolean {
    if (this.#off) return false;
    if (!this.#cutArmed || this.#core?.flash().powered !== false) return true;
    this.#turnOff();
    return false;
  }

  #event(act: (core: DeviceCore) => void): void {
    if (this.#core === undefined || this.#crash || !this.#alive()) return;
    act(this.#core);
    this.#alive();
  }

  /** Feeds one request to the core as it arrives; its answer goes to `sink`, maybe before the body has ended. */
  open(head: Omit<BoardRequest, "body">, sink: ResponseSink): OpenRequest {
    if (this.#core === undefined || this.#crash) throw this.#crash ?? closed();
    if (!this.#alive()) throw new Error("the board has no power, or is being reset");
    const request = this.#nextRequest;
    this.#nextRequest = request === 0xffff_ffff ? 1 : request + 1;
    this.#sinks.set(request, sink);
    this.#event((core) => core.requestHead(request, head.method, head.target, coreHeaders(head.headers ?? {})));
    return {
      write: (bytes) => this.#event((core) => core.bodyChunk(request, bytes)),
      end: () => this.#event((core) => core.requestEnd(request)),
      close: () => {
        if (this.#sinks.delete(request)) this.#event((core) => core.requestClosed(request));
      },
    };
  }

  /** One whole request and its whole answer. */
  handle(request: BoardRequest): Promise<BoardResponse> {
    return new Promise((resolve, reject) => {
      if (this.#core === undefined || this.#crash) return reject(this.#crash ?? closed());
      let status = 0;
      let headers: Record<string, string> = {};
      const chunks: Uint8Array[] = [];
      const length = request.body === undefined ? {} : { "content-length": String(request.body.length) };
      const open = this.open(
        { method: request.method, target: request.target, headers: { ...length, ...request.headers } },
        {
          head: (answered, list) => {
            status = answered;
            headers = Object.fromEntries(list);
          },
          chunk: (bytes) => chunks.push(bytes),
          // An end without a head: the board was closed, has crashed or lost its power.
          end: () =>
            status === 0
              ? reject(this.#crash ?? (this.#core === undefined ? closed() : lost()))
              : resolve({ status, headers, body: Buffer.concat(chunks) }),
        },
      );
      if (request.body !== undefined) open.write(request.body);
      open.end();
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const core = this.#core;
    this.#core = undefined;
    await core?.close();
    for (const sink of this.#takeSinks()) sink.end();
  }

  #takeSinks(): ResponseSink[] {
    const sinks = [...this.#sinks.values()];
    this.#sinks.clear();
    return sinks;
  }

  #port: CorePort = {
    log: (level, text) => this.#log(level, text),
    sendHead: (request, status, headers) => {
      if (this.#alive()) this.#sinks.get(request)?.head(status, headers);
    },
    sendChunk: (request, bytes) => {
      if (this.#alive()) this.#sinks.get(request)?.chunk(bytes);
    },
    end: (request) => {
      if (!this.#alive()) return;
      const sink = this.#sinks.get(request);
      this.#sinks.delete(request);
      sink?.end();
    },
    decodeImage: (job, bytes, _mediaType, width, height) => {
      decodeImage(bytes, { width, height }).then(
        (rgb) => this.#event((core) => core.imageDecoded(job, rgb, "")),
        (error: Error) => this.#event((core) => core.imageDecoded(job, undefined, error.message)),
      );
    },
    reboot: () => {
      // Not from inside the core's own call.
      setTimeout(() => void this.reset("software").catch(() => undefined), 0);
    },
    crashed: (error) => {
      this.#crash = error;
      this.#log("error", error.message);
      for (const sink of this.#takeSinks()) sink.end();
    },
  };
}

const closed = (): Error => new Error("the board is closed");
const lost = (): Error => new Error("the board was reset, or lost its power, before it answered");

/** The headers that the core reads; it needs no others. */
const CORE_HEADERS = [
  "accept",
  "accept-encoding",
  "access-control-request-method",
  "authorization",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "if-none-match",
  "origin",
];

function coreHeaders(headers: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(headers)
    .map(([name, value]): [string, string] => [name.toLowerCase(), value.replaceAll("\0", "")])
    .filter(([name]) => CORE_HEADERS.includes(name));
}

function checkModelFits(options: SimulatedBoardOptions): void {
  const [partition] = corePartitions(options.board).slots;
  const source = options.modelSource ?? "model";
  const missing = options.model.length - partition.size;
  if (missing > 0) {
    throw new InputError({
      code: "MODEL_EXCEEDS_FLASH",
      source,
      message: `the model has ${options.model.length} bytes and partition "${partition.name}" of ${options.board.name} has ${partition.size}: ${missing} bytes are missing`,
      expected: "a smaller model (fewer bits a weight), or a board with a larger partition",
    });
  }
}

function coreOptionsOf(options: SimulatedBoardOptions, engine: BoardEngine): CoreOptions {
  const { board } = options;
  const { slots, records, settings } = corePartitions(board);
  return {
    deviceId: options.deviceId ?? "02:00:00:00:00:01",
    deviceName: options.deviceName ?? `simulated ${board.name}`,
    boardId: board.id,
    boardName: board.name,
    chip: board.chip,
    radio: board.radio,
    engine,
    chipRevision: board.chipRevision.major * 100 + board.chipRevision.minor,
    cpuHz: board.cpu.mhz * MHZ,
    psramHz: board.psram.mhz * MHZ,
    flashHz: board.flash.mhz * MHZ,
    flashBytes: board.flash.bytes,
    fastBytes: board.sram.freeBytes,
    slowBytes: board.psram.bytes - board.psram.reservedBytes,
    threads: board.cpu.cores,
    bodyBytesMax: board.requests.bodyBytesMax,
    exchangeCount: board.requests.countMax,
    recordsBytes: records.size,
    settingsBytes: settings.size,
    slotBytes: [slots[0].size, slots[1].size],
    slotNames: [slots[0].name, slots[1].name],
    flashSeed: options.flashSeed ?? 1,
  };
}

function loadError(failure: LoadFailure, options: SimulatedBoardOptions): InputError {
  const source = options.modelSource ?? "model";
  if (failure.kind === "model") return new InputError({ code: "MODEL_INVALID", source, message: failure.message });
  if (failure.kind === "core") return new InputError({ code: "BOARD_TOO_SMALL", source: options.board.id, message: failure.message });
  return new InputError({
    code: failure.region === "fast" ? "MODEL_EXCEEDS_SRAM" : "MODEL_EXCEEDS_PSRAM",
    source,
    message: failure.message,
    expected: `a model that fits ${options.board.name}, or a board with ${failure.bytesMissing} bytes more`,
  });
}
