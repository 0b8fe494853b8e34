import { type BoardEngine, type BoardOptions, checkModelFits, coreOptionsOf, loadError } from "./boardOptions.js";
import type { Board } from "./boardSchema.js";
import type { BoardClock } from "./clock.js";
import { realClock } from "./clock.js";
import { flashAreas } from "./corePartitions.js";
import {
  type BoardIdentity,
  type CoreOptions,
  type CorePort,
  type DeviceCore,
  type IncomingMessage,
  type LogLevel,
  type MqttSession,
  messageFromCore,
  messageToCore,
  type OutgoingMessage,
  type PowerCut,
  type ResetReason,
} from "./deviceCore.js";
import { Downloads, type FetchFile } from "./downloads.js";

/** `width * height * 3` bytes, RGB; rejects with a sentence for the client when the bytes are no whole picture. */
export type DecodeImage = (
  bytes: Uint8Array,
  size: { readonly width: number; readonly height: number },
) => Promise<Uint8Array>;

/** What a board is made of beyond its options. */
export interface BoardParts {
  readonly createCore: (options: CoreOptions, port: CorePort, clock: BoardClock) => DeviceCore | Promise<DeviceCore>;
  readonly decodeImage: DecodeImage;
  /** The machine's, unless given. */
  readonly clock?: BoardClock;
  /** For updates that the board fetches; the global `fetch` unless given. */
  readonly fetchFile?: FetchFile;
}

/** A board's connection to a broker. */
export interface BoardNetwork {
  /** False: there is no room for the message. */
  publish(message: OutgoingMessage): boolean;
  subscribe(filter: string, on: boolean): void;
  settingsChanged(): void;
  /** The board runs and its link is there. */
  up(): void;
  /** The board is going to stop: what it has said is sent, and the broker is told. */
  leave(): Promise<void>;
  /** The board has stopped, and what it had not yet sent is gone. */
  down(): void;
  /** The link is lost; the board runs on. */
  lost(): void;
}

export interface BoardRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** The address of whoever asks; all requests without one are those of one client. */
  readonly client?: string;
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
  /**
   * `whole` is false when the board was reset, has lost its power or its link, has crashed or was closed, at whatever
   * point: then this is no answer.
   */
  end(whole: boolean): void;
}

/** The request's side of an exchange under way. */
export interface OpenRequest {
  write(bytes: Uint8Array): void;
  end(): void;
  /** The client left. */
  close(): void;
}

const TICK_MS = 500;
const GOODBYE_MS_MAX = 1_000;

/**
 * A board in software: the device core that the firmware runs, with the memory, flash and partitions of a board file
 * around it. What does not fit a real board does not fit this one. Nothing here needs Node:
 * a browser's tab can be a board.
 */
export class VirtualBoard {
  readonly board: Board;
  readonly engine: BoardEngine;
  #core: DeviceCore | undefined;
  #sinks = new Map<number, ResponseSink>();
  #nextRequest = 1;
  #cancelTick: () => void = () => undefined;
  #clock: BoardClock;
  #decodeImage: DecodeImage;
  #downloads: Downloads;
  #network: BoardNetwork | undefined;
  #link = true;
  #crash: Error | undefined;
  /** Power is gone, or the board is being reset: nothing is heard and nothing is said. */
  #off = false;
  #cutArmed = false;
  /** Counts how often the board has stopped: what was begun before goes on no more. */
  #stops = 0;
  #ownerToken: string | undefined;
  #log: (level: LogLevel, text: string) => void;
  #restarting: (reason: ResetReason) => void;

  protected constructor(options: BoardOptions, engine: BoardEngine, parts: BoardParts) {
    this.board = options.board;
    this.engine = engine;
    this.#clock = parts.clock ?? realClock;
    this.#decodeImage = parts.decodeImage;
    this.#downloads = new Downloads(
      {
        head: (download, status, length, mediaType) =>
          this.#event((core) => core.fetchHead(download, status, length, mediaType)),
        chunk: (download, bytes) => this.#event((core) => core.fetchChunk(download, bytes)),
        end: (download, result) => this.#event((core) => core.fetchEnd(download, result)),
      },
      parts.fetchFile,
    );
    this.#log = options.log ?? (() => undefined);
    this.#restarting = options.restarting ?? (() => undefined);
  }

  /**
   * Starts a board with a model in its flash. Throws an InputError that says by how many bytes a model does not fit:
   * code `MODEL_EXCEEDS_FLASH` (its partition), `MODEL_EXCEEDS_SRAM` or `MODEL_EXCEEDS_PSRAM`; `MODEL_INVALID` when the
   * runtime refuses it; `BOARD_TOO_SMALL` when the core alone does not fit.
   */
  static async start(options: BoardOptions, engine: BoardEngine, parts: BoardParts): Promise<VirtualBoard> {
    const board = new VirtualBoard(options, engine, parts);
    await board.powerOn(options, parts);
    return board;
  }

  protected async powerOn(options: BoardOptions, parts: BoardParts): Promise<void> {
    checkModelFits(options);
    const core = await parts.createCore(coreOptionsOf(options, this.engine), this.#port, this.#clock);
    if (options.flash === undefined) core.program("model_a", options.model ?? new Uint8Array());
    else programFlash(core, options.board, options.flash);
    const failure = core.boot();
    // Whatever is in its slots, a board starts and takes uploads; but who gave it a model wants that one to run.
    if (failure && (failure.kind === "core" || options.model !== undefined)) {
      await core.close();
      throw loadError(failure, options);
    }
    this.#core = core;
    if (options.flash === undefined && (options.access ?? "open") === "open") await this.#claimOpen();
    this.#scheduleTick();
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#clock.after(TICK_MS, () => {
      this.#event((alive) => alive.tick());
      this.#scheduleTick();
    });
  }

  /** The token of a board that was made `open`. */
  get ownerToken(): string | undefined {
    return this.#ownerToken;
  }

  async #claimOpen(): Promise<void> {
    const ask = async (method: string, target: string, body: object, headers: Record<string, string> = {}) => {
      const bytes = new TextEncoder().encode(JSON.stringify(body));
      const answer = await this.handle({
        method,
        target,
        headers: { "content-type": "application/json", ...headers },
        body: bytes,
      });
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

  /** What its flash holds from address 0 on, with 0xff where no partition of the core is. */
  flashImage(): Uint8Array {
    const image = new Uint8Array(this.board.flash.bytes).fill(0xff);
    if (this.#core === undefined || this.#crash) throw this.#crash ?? closed();
    for (const [area, { offset }] of flashAreas(this.board)) image.set(this.#core.readFlash(area), offset);
    return image;
  }

  /** Erases and writes that the flash has seen since the board was made. */
  get flashOperations(): number {
    return this.#crash ? 0 : (this.#core?.flashStatus().operations ?? 0);
  }

  /**
   * Power goes in the middle of the flash operation `after` operations from now, and leaves of it what `cut` says.
   * Clients lose their connections; the board is silent until `reset`.
   */
  cutPower(after: number, cut: PowerCut): void {
    this.#cutArmed = true;
    this.#core?.cutPower(after, cut);
  }

  /**
   * Resets the board, or gives it its power back: everything but the flash starts anew, requests under way are lost.
   */
  async reset(reason: ResetReason = "power-on"): Promise<void> {
    const core = this.#core;
    if (core === undefined || this.#crash) throw this.#crash ?? closed();
    this.#turnOff();
    const stops = this.#stops;
    this.#restarting(reason);
    await core.restart(reason);
    // It was reset once more, or closed.
    if (stops !== this.#stops || this.#core !== core) return;
    this.#cutArmed = false;
    this.#off = false;
    this.#network?.up();
  }

  /** A board that starts itself anew says goodbye first, but not for long to a broker that does not listen. */
  async #restart(): Promise<void> {
    const stops = this.#stops;
    let cancel = (): void => undefined;
    const patience = new Promise<void>((resolve) => {
      cancel = this.#clock.after(GOODBYE_MS_MAX, resolve);
    });
    await Promise.race([this.#network?.leave(), patience]);
    cancel();
    // Its power may have gone meanwhile, or somebody has reset it.
    if (this.#alive() && stops === this.#stops) await this.reset("software");
  }

  #turnOff(): void {
    this.#off = true;
    this.#stops++;
    this.#downloads.forgetAll();
    this.#network?.down();
    for (const sink of this.#takeSinks()) sink.end(false);
  }

  /** False when the board has no power; the first to notice cuts all connections. */
  #alive(): boolean {
    if (this.#off) return false;
    if (!this.#cutArmed || this.#core?.flashStatus().powered !== false) return true;
    this.#turnOff();
    return false;
  }

  #event(act: (core: DeviceCore) => void): void {
    if (this.#core === undefined || this.#crash || !this.#alive()) return;
    act(this.#core);
    this.#alive();
  }

  /** Somebody presses the button that lets the board be claimed without its code. */
  openClaim(): void {
    this.#event((core) => core.openClaim());
  }

  /** Whoever holds the board says how to join the Wi-Fi. False when it refuses the name (1 to 32 bytes) or password. */
  setWifi(ssid: string, password: string): boolean {
    return this.running && this.#alive() && this.#core?.setWifi(ssid, password) === true;
  }

  /** Gives the board a connection to a broker, to which it talks from now on. */
  attach(network: BoardNetwork): void {
    this.#network = network;
    if (this.running && this.#link) network.up();
  }

  /** Whether the board's link to the network is there. */
  get link(): boolean {
    return this.#link;
  }

  /** The link is lost, or comes back: while it is down no connection exists and none can be made; the board runs on. */
  setLink(up: boolean): void {
    if (up === this.#link) return;
    this.#link = up;
    if (up) {
      if (this.running) this.#network?.up();
      return;
    }
    const requests = [...this.#sinks.keys()];
    const sinks = this.#takeSinks();
    for (const request of requests) this.#event((core) => core.requestClosed(request));
    for (const sink of sinks) sink.end(false);
    this.#downloads.breakAll();
    this.#network?.lost();
  }

  /** With what the board wants to connect to its broker; undefined when it does not run. */
  mqttSession(): MqttSession | undefined {
    return this.running ? this.#core?.mqttSession() : undefined;
  }

  /** What the board tells the network about itself; undefined when it does not run. */
  identity(): BoardIdentity | undefined {
    return this.running ? this.#core?.identity() : undefined;
  }

  mqttConnected(protocol: 4 | 5): void {
    this.#event((core) => core.mqttConnected(protocol));
  }

  mqttDisconnected(): void {
    this.#event((core) => core.mqttDisconnected());
  }

  /** A connection to the broker could not be made, was refused or broke, in words without secrets. */
  mqttFailed(detail: string): void {
    this.#event((core) => core.mqttFailed(detail));
  }

  mqttReceived(message: IncomingMessage): void {
    const request = this.#number();
    this.#event((core) => {
      core.mqttReceived(request, messageToCore(message));
      core.requestEnd(request);
    });
  }

  #number(): number {
    const request = this.#nextRequest;
    this.#nextRequest = request === 0x7fff_ffff ? 1 : request + 1;
    return request;
  }

  /** Feeds one request to the core as it arrives; its answer goes to `sink`, maybe before the body has ended. */
  open(head: Omit<BoardRequest, "body">, sink: ResponseSink): OpenRequest {
    if (this.#core === undefined || this.#crash) throw this.#crash ?? closed();
    if (!this.#link) throw new Error("the board has lost its link");
    if (!this.#alive()) throw new Error("the board has no power, or is being reset");
    const request = this.#number();
    this.#sinks.set(request, sink);
    this.#event((core) =>
      core.requestHead(request, head.method, head.target, head.client ?? "", coreHeaders(head.headers ?? {})),
    );
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
        {
          method: request.method,
          target: request.target,
          headers: { ...length, ...request.headers },
          ...(request.client === undefined ? {} : { client: request.client }),
        },
        {
          head: (answered, list) => {
            status = answered;
            headers = Object.fromEntries(list);
          },
          chunk: (bytes) => chunks.push(bytes),
          end: (whole) =>
            whole
              ? resolve({ status, headers, body: concat(chunks) })
              : reject(this.#crash ?? (this.#core === undefined ? closed() : lost())),
        },
      );
      if (request.body !== undefined) open.write(request.body);
      open.end();
    });
  }

  async close(): Promise<void> {
    this.#cancelTick();
    this.#downloads.forgetAll();
    this.#network?.down();
    const core = this.#core;
    this.#core = undefined;
    for (const sink of this.#takeSinks()) sink.end(false);
    await core?.close();
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
      sink?.end(true);
    },
    decodeImage: (job, bytes, _mediaType, width, height) => {
      this.#decodeImage(bytes, { width, height }).then(
        (rgb) => this.#event((core) => core.imageDecoded(job, rgb, "")),
        (error: Error) => this.#event((core) => core.imageDecoded(job, undefined, error.message)),
      );
    },
    reboot: () => {
      // Not from inside the core's own call.
      this.#clock.after(0, () => void this.#restart().catch(() => undefined));
    },
    mqttPublish: (message) => (this.#alive() && this.#network?.publish(messageFromCore(message)) ? 0 : -1),
    mqttSubscribe: (filter, on) => {
      if (this.#alive()) this.#network?.subscribe(filter, on);
    },
    settingsChanged: () => {
      // Not from inside the core's own call.
      this.#clock.after(0, () => this.#network?.settingsChanged());
    },
    fetchStart: (fetch, url, fromByte) => {
      // Not from inside the core's own call. Without a link no connection can be made.
      const connected = new Promise<boolean>((resolve) => {
        this.#clock.after(0, () => resolve(this.#link));
      });
      this.#downloads.start(fetch, url, fromByte, connected);
    },
    fetchCancel: (fetch) => this.#downloads.cancel(fetch),
    crashed: (error) => {
      this.#crash = error;
      this.#log("error", error.message);
      this.#downloads.forgetAll();
      this.#network?.down();
      for (const sink of this.#takeSinks()) sink.end(false);
    },
  };
}

function programFlash(core: DeviceCore, board: Board, flash: Uint8Array): void {
  for (const [area, { offset, size }] of flashAreas(board)) core.program(area, flash.subarray(offset, offset + size));
}

const closed = (): Error => new Error("the board is closed");
const lost = (): Error => new Error("the board was reset, or lost its power or its link, before it answered");

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
  "host",
  "if-none-match",
  "origin",
];

function coreHeaders(headers: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(headers)
    .map(([name, value]): [string, string] => [name.toLowerCase(), value.replaceAll("\0", "")])
    .filter(([name]) => CORE_HEADERS.includes(name));
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
