import { packFloats, toBase64, unpackFloats } from "./base64.js";
import { BoardUnreachable, errorOf, UnexpectedAnswer } from "./errors.js";
import { readEvents } from "./events.js";
import { type Call, type CallOptions, Transport, type TransportOptions } from "./transport.js";
import type {
  ActivateAnswer,
  ClaimAnswer,
  ClaimRequest,
  Device,
  Log,
  Model,
  Models,
  ObserveAnswer,
  PlanAnswer,
  SelfTestAnswer,
  Settings,
  SettingsChange,
  Slot,
  Timing,
} from "./types.js";

/** A picture as it is stored, or raw RGB of the model's size (`application/octet-stream`). */
export interface Image {
  readonly bytes: Uint8Array;
  readonly type: "image/jpeg" | "image/png" | "application/octet-stream";
}

/** What a model can start from. */
export type Frame = Image | { readonly latent: ArrayLike<number> };
export type Rows = readonly ArrayLike<number>[];

export interface Answered {
  readonly model: Model;
  readonly timing: Timing;
}
export interface Encoded extends Answered {
  readonly latent: Float32Array;
}
export interface RolledOut extends Answered {
  /** The start, then a latent for every action. */
  readonly trajectory: readonly Float32Array[];
}
export type Planned = Omit<PlanAnswer, "actions" | "trajectory"> & {
  readonly actions: readonly Float32Array[];
  readonly trajectory: readonly Float32Array[];
};
export type Observed = Omit<ObserveAnswer, "latent"> & { readonly latent: Float32Array };

export interface PlanRequest {
  readonly start: Frame;
  readonly goal: Frame;
  readonly horizon?: number;
  readonly budget?: { readonly samples?: number; readonly iterations?: number; readonly elites?: number };
  readonly seed?: number;
}
export type PlanEvent =
  | { readonly kind: "progress"; readonly progress: Readonly<Record<string, unknown>> }
  | { readonly kind: "result"; readonly result: Planned };

export interface ObserveRequest {
  /** Letters, digits, dots, dashes and underscores. */
  readonly stream: string;
  readonly frame: Frame;
  /** Taken since the frame before; none for a stream's first. */
  readonly action?: ArrayLike<number>;
  /** Forget the stream first. */
  readonly reset?: boolean;
}

export interface UploadOptions extends CallOptions {
  readonly onProgress?: (sentBytes: number, totalBytes: number) => void;
}

/** Models are sent in parts, so that progress can be told and a broken connection costs one part. */
const PART_BYTES = 256 * 1024;
const LOG_POLL_MS = 1_000;

/**
 * A board over HTTP, for Node and browsers. Every method may throw a BoardError (what the board says), BoardUnreachable, BoardTimeout or
 * UnexpectedAnswer, and the reason of its signal. Requests that change nothing are repeated when the network fails; all are when the board is
 * too busy and says how long.
 */
export class SynapseClient {
  readonly #transport: Transport;
  readonly #sleep: NonNullable<TransportOptions["sleep"]>;

  constructor(options: TransportOptions) {
    this.#transport = new Transport(options);
    this.#sleep = options.sleep ?? ((milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)));
  }

  /** The owner's token, if there is one. `claim` sets it. */
  get token(): string | undefined {
    return this.#transport.token;
  }

  // ---- the board

  device(options?: CallOptions): Promise<Device> {
    return this.#get<Device>("/v1/device", options);
  }

  /** Makes this client the board's owner and keeps the token. */
  async claim(request: ClaimRequest = {}, options?: CallOptions): Promise<ClaimAnswer> {
    const answer = await this.#send<ClaimAnswer>("POST", "/v1/claim", request, options);
    this.#transport.token = answer.token;
    return answer;
  }

  /** Forgets the owner and everything the owner set. */
  async release(options?: CallOptions): Promise<void> {
    await this.#transport.json({ method: "DELETE", path: "/v1/claim" }, options);
    this.#transport.token = undefined;
  }

  settings(options?: CallOptions): Promise<Settings> {
    return this.#get<Settings>("/v1/settings", options);
  }

  /** Changes what it names, all of it or nothing. */
  changeSettings(change: SettingsChange, options?: CallOptions): Promise<Settings> {
    return this.#send<Settings>("PUT", "/v1/settings", change, options, true);
  }

  async reboot(options?: CallOptions): Promise<void> {
    await this.#transport.json({ method: "POST", path: "/v1/reboot" }, options);
  }

  /** Prometheus text. */
  metrics(options?: CallOptions): Promise<string> {
    return this.#transport.text({ method: "GET", path: "/v1/metrics", idempotent: true }, options);
  }

  log(query: { readonly level?: "error" | "warn" | "info"; readonly after?: number } = {}, options?: CallOptions): Promise<Log> {
    const parameters = new URLSearchParams();
    if (query.level !== undefined) parameters.set("level", query.level);
    if (query.after !== undefined) parameters.set("after", String(query.after));
    const text = parameters.toString();
    return this.#get<Log>(`/v1/log${text === "" ? "" : `?${text}`}`, options);
  }

  /** The log's lines as they come, until the reader stops or the signal aborts. */
  async *followLog(
    query: { readonly level?: "error" | "warn" | "info" } = {},
    options: CallOptions = {},
  ): AsyncGenerator<Log["entries"][number]> {
    let after = 0;
    while (true) {
      const { entries, next } = await this.log({ ...query, after }, options);
      yield* entries;
      after = next;
      await this.#sleep(LOG_POLL_MS, options.signal);
      options.signal?.throwIfAborted();
    }
  }

  // ---- models

  models(options?: CallOptions): Promise<Models> {
    return this.#get<Models>("/v1/models", options);
  }

  model(slot: string, options?: CallOptions): Promise<Slot> {
    return this.#get<Slot>(slotPath(slot), options);
  }

  /**
   * Writes a packed model to a slot that is not running. Goes on where an upload of the same file broke off, its own included. The model
   * runs once it is activated.
   */
  async uploadModel(slot: string, pack: Uint8Array, options: UploadOptions = {}): Promise<Slot> {
    const before = await this.model(slot, options);
    let sent = resumeAt(before, pack);
    if (sent === pack.length) return before;
    let failures = 0;
    while (true) {
      options.onProgress?.(sent, pack.length);
      const end = Math.min(pack.length, sent + PART_BYTES);
      const headers = { "content-type": "application/octet-stream", "content-range": `bytes ${sent}-${end - 1}/${pack.length}` };
      try {
        const call: Call = { method: "PUT", path: slotPath(slot), headers, body: pack.subarray(sent, end) };
        const answer = (await this.#transport.json(call, options)) as Slot;
        sent = end;
        failures = 0;
        if (sent < pack.length) continue;
        options.onProgress?.(sent, pack.length);
        return answer;
      } catch (error) {
        if (!(error instanceof BoardUnreachable) || ++failures > 3) throw error;
        sent = resumeAt(await this.model(slot, options), pack);
        // The answer to the last part was lost, the part was not.
        if (sent === pack.length) return this.model(slot, options);
      }
    }
  }

  /** Tests the slot's model on the board and switches to it. */
  activateModel(slot: string, options?: CallOptions): Promise<ActivateAnswer> {
    return this.#transport.json({ method: "POST", path: `${slotPath(slot)}/activate` }, options) as Promise<ActivateAnswer>;
  }

  selftest(options?: CallOptions): Promise<SelfTestAnswer> {
    return this.#transport.json({ method: "POST", path: "/v1/selftest", idempotent: true }, options) as Promise<SelfTestAnswer>;
  }

  // ---- inference

  async encode(image: Image, options?: CallOptions): Promise<Encoded> {
    const call: Call = {
      method: "POST",
      path: "/v1/encode?latent=base64",
      headers: { "content-type": image.type },
      body: image.bytes,
      idempotent: true,
    };
    return withLatent((await this.#transport.json(call, options)) as Answered & { readonly latent: string });
  }

  /** The latent that follows `history`; action i is the one taken at latent i. */
  async predict(history: Rows, actions: Rows, options?: CallOptions): Promise<Encoded> {
    const body = { history: history.map(packFloats), actions: actions.map(packFloats) };
    return withLatent(await this.#send<Answered & { readonly latent: string }>("POST", "/v1/predict?latent=base64", body, options, true));
  }

  async rollout(start: Frame, actions: Rows, options?: CallOptions): Promise<RolledOut> {
    const body = { start: frameOf(start), actions: actions.map(packFloats) };
    const path = "/v1/rollout?latent=base64";
    const answer = await this.#send<Answered & { readonly trajectory: readonly string[] }>("POST", path, body, options, true);
    return { ...answer, trajectory: answer.trajectory.map(unpackFloats) };
  }

  /** Actions that lead from `start` toward `goal`. */
  async plan(request: PlanRequest, options?: CallOptions): Promise<Planned> {
    return planned(await this.#send<PackedPlan>("POST", "/v1/plan?latent=base64", planBody(request), options, true));
  }

  /** As `plan`, and tells how far it is. Stopping early cancels the plan on the board. */
  async *planEvents(request: PlanRequest, options?: CallOptions): AsyncGenerator<PlanEvent> {
    const call: Call = {
      method: "POST",
      path: "/v1/plan?latent=base64",
      headers: { accept: "text/event-stream", "content-type": "application/json" },
      body: JSON.stringify(planBody(request)),
      idempotent: true,
    };
    for await (const { name, data } of readEvents(await this.#transport.stream(call, options))) {
      if (name === "progress") yield { kind: "progress", progress: data as Record<string, unknown> };
      else if (name === "error") throw errorOf((data as { status?: number }).status ?? 500, JSON.stringify(data));
      else if (name === "result") return yield { kind: "result", result: planned(data as PackedPlan) };
    }
    throw new UnexpectedAnswer("the events ended without a result");
  }

  /** How far a frame lies from what the model predicted after the ones before it on the same stream. Not repeated: it counts. */
  async observe(request: ObserveRequest, options?: CallOptions): Promise<Observed> {
    const body: Record<string, unknown> = { stream: request.stream, ...frameOf(request.frame) };
    if (request.action !== undefined) body.action = packFloats(request.action);
    if (request.reset !== undefined) body.reset = request.reset;
    const answer = await this.#send<Omit<ObserveAnswer, "latent"> & { readonly latent: string }>(
      "POST",
      "/v1/observe?latent=base64",
      body,
      options,
    );
    return { ...answer, latent: unpackFloats(answer.latent) } as Observed;
  }

  #get<Answer>(path: string, options: CallOptions | undefined): Promise<Answer> {
    return this.#transport.json({ method: "GET", path, idempotent: true }, options) as Promise<Answer>;
  }

  #send<Answer>(
    method: "POST" | "PUT",
    path: string,
    body: unknown,
    options: CallOptions | undefined,
    idempotent = false,
  ): Promise<Answer> {
    const headers = { "content-type": "application/json" };
    return this.#transport.json({ method, path, headers, body: JSON.stringify(body), idempotent }, options) as Promise<Answer>;
  }
}

type PackedPlan = Omit<PlanAnswer, "actions" | "trajectory"> & {
  readonly actions: readonly (readonly number[] | string)[];
  readonly trajectory: readonly string[];
};

function planned(answer: PackedPlan): Planned {
  const actions = answer.actions.map((row) => (typeof row === "string" ? unpackFloats(row) : Float32Array.from(row)));
  return { ...answer, actions, trajectory: answer.trajectory.map(unpackFloats) } as Planned;
}

function planBody({ start, goal, ...rest }: PlanRequest): object {
  return { start: frameOf(start), goal: frameOf(goal), ...rest };
}

function withLatent(answer: Answered & { readonly latent: string }): Encoded {
  return { ...answer, latent: unpackFloats(answer.latent) };
}

function frameOf(frame: Frame): Record<string, string> {
  return "latent" in frame ? { latent: packFloats(frame.latent) } : { image: toBase64(frame.bytes), type: frame.type };
}

const slotPath = (slot: string): string => `/v1/models/${encodeURIComponent(slot)}`;

/** Where to go on, when the slot has a part of this very file: its digest stands in the file's prefix, bytes 32 to 63. */
function resumeAt(slot: Slot, pack: Uint8Array): number {
  const digest = Array.from(pack.subarray(32, 64), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (slot.sha256 !== digest) return 0;
  if (slot.upload !== undefined) return slot.upload.bytes === pack.length ? slot.upload.received_bytes : 0;
  return slot.state === "VALID" && slot.bytes === pack.length && !slot.active ? pack.length : 0;
}
