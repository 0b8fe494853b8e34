import { packFloats, toBase64, unpackFloats } from "./base64.js";
import type { Call, CallOptions } from "./call.js";
import { errorOf, UnexpectedAnswer } from "./errors.js";
import type { EventOf, ServerEvent } from "./events.js";
import type {
  ActivateAnswer,
  Device,
  FirmwareUpdateRequest,
  Log,
  Model,
  Models,
  ModelUpdateRequest,
  ObserveAnswer,
  PlanAnswer,
  PlanProgress,
  PlanServerEvent,
  Requests,
  SelfTestAnswer,
  Settings,
  SettingsChange,
  Slot,
  Stopped,
  Timing,
  Update,
  Warnings,
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
/** Where some of the given actions lie outside of the model's bounds (`actions` of its slot). */
export interface Warned {
  readonly warnings?: Warnings;
}
export interface Predicted extends Encoded, Warned {}
export interface RolledOut extends Answered, Warned {
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
  | { readonly kind: "progress"; readonly progress: Readonly<PlanProgress> }
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

const LOG_POLL_MS = 1_000;
const UPDATE_POLL_MS = 500;

/** How a client reaches its board. */
export interface Channel {
  /** The answer's text. Throws BoardError, BoardUnreachable, BoardTimeout, UnexpectedAnswer, or the signal's reason. */
  text(call: Call, options?: CallOptions): Promise<string>;
  /** The answer as JSON. */
  json(call: Call, options?: CallOptions): Promise<unknown>;
  /**
   * The answer as events. The time limit is for the first; stopping early, or the signal,
   * cancels the work on the board.
   */
  events(call: Call, options?: CallOptions): AsyncGenerator<ServerEvent>;
  /** Waits between two looks at the log. */
  sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void>;
}

/**
 * What can be asked of a board, however it is reached. Every method may throw a BoardError (what the board says),
 * BoardUnreachable, BoardTimeout or UnexpectedAnswer, and the reason of its signal.
 */
export abstract class BoardClient {
  protected readonly channel: Channel;

  protected constructor(channel: Channel) {
    this.channel = channel;
  }

  // ---- the board

  device(options?: CallOptions): Promise<Device> {
    return this.get<Device>("/v1/device", options);
  }

  settings(options?: CallOptions): Promise<Settings> {
    return this.get<Settings>("/v1/settings", options);
  }

  /** Changes what it names, all of it or nothing. */
  changeSettings(change: SettingsChange, options?: CallOptions): Promise<Settings> {
    return this.send<Settings>("PUT", "/v1/settings", change, options, true);
  }

  async reboot(options?: CallOptions): Promise<void> {
    await this.channel.json({ method: "POST", path: "/v1/reboot" }, options);
  }

  /** What is in progress, and who asked for it. */
  async requests(options?: CallOptions): Promise<Requests["requests"]> {
    return (await this.get<Requests>("/v1/requests", options)).requests;
  }

  /** Ends a request by the id that `requests` shows: inference, or one whose body is still arriving. */
  async stopRequest(id: number, options?: CallOptions): Promise<void> {
    await this.channel.json({ method: "DELETE", path: `/v1/requests/${id}`, idempotent: true }, options);
  }

  /** Ends all requests without the owner's token; resolves to how many there were. */
  async stopStrangers(options?: CallOptions): Promise<number> {
    return ((await this.channel.json({ method: "DELETE", path: "/v1/requests", idempotent: true }, options)) as Stopped)
      .stopped;
  }

  // ---- updates that the board fetches

  /** Has the board fetch a model and run it. Done when it is queued; `followUpdate` tells how it goes on. */
  fetchModel(request: ModelUpdateRequest, options?: CallOptions): Promise<Update> {
    return this.send<Update>("POST", "/v1/updates/model", request, options);
  }

  /** Has the board fetch a firmware and start it. A board that starts anew is not reached for a while. */
  fetchFirmware(request: FirmwareUpdateRequest, options?: CallOptions): Promise<Update> {
    return this.send<Update>("POST", "/v1/updates/firmware", request, options);
  }

  update(options?: CallOptions): Promise<Update> {
    return this.get<Update>("/v1/updates", options);
  }

  /** Takes an update back that is queued or being downloaded. */
  async cancelUpdate(options?: CallOptions): Promise<Update> {
    return (await this.channel.json({ method: "DELETE", path: "/v1/updates" }, options)) as Update;
  }

  /** The update's states as they change, up to UPDATED, FAILED, or VERIFIED when it is not to run. */
  async *followUpdate(options: CallOptions = {}): AsyncGenerator<Update> {
    let before = "";
    while (true) {
      const update = await this.update(options);
      const now = JSON.stringify(update);
      if (now !== before) yield update;
      before = now;
      if (["IDLE", "UPDATED", "FAILED"].includes(update.state) || (update.state === "VERIFIED" && !update.activate))
        return;
      await this.channel.sleep(UPDATE_POLL_MS, options.signal);
    }
  }

  /** Prometheus text. */
  metrics(options?: CallOptions): Promise<string> {
    return this.channel.text({ method: "GET", path: "/v1/metrics", idempotent: true }, options);
  }

  log(
    query: { readonly level?: "error" | "warn" | "info"; readonly after?: number } = {},
    options?: CallOptions,
  ): Promise<Log> {
    const parameters = new URLSearchParams();
    if (query.level !== undefined) parameters.set("level", query.level);
    if (query.after !== undefined) parameters.set("after", String(query.after));
    const text = parameters.toString();
    return this.get<Log>(`/v1/log${text === "" ? "" : `?${text}`}`, options);
  }

  /** The log's lines as they come, until the reader stops or the signal aborts. */
  async *followLog(
    query: { readonly level?: "error" | "warn" | "info" } = {},
    options: CallOptions = {},
  ): AsyncGenerator<Log["entries"][number]> {
    let after = 0;
    while (true) {
      const { entries, next } = await this.log({ ...query, after }, options);
      if (next < after) {
        // The board has started anew, and counts from 1 again.
        after = 0;
        continue;
      }
      yield* entries;
      after = next;
      await this.channel.sleep(LOG_POLL_MS, options.signal);
      options.signal?.throwIfAborted();
    }
  }

  // ---- models

  models(options?: CallOptions): Promise<Models> {
    return this.get<Models>("/v1/models", options);
  }

  model(slot: string, options?: CallOptions): Promise<Slot> {
    return this.get<Slot>(slotPath(slot), options);
  }

  /** Tests the slot's model on the board and switches to it. */
  activateModel(slot: string, options?: CallOptions): Promise<ActivateAnswer> {
    return this.channel.json(
      { method: "POST", path: `${slotPath(slot)}/activate` },
      options,
    ) as Promise<ActivateAnswer>;
  }

  selftest(options?: CallOptions): Promise<SelfTestAnswer> {
    return this.channel.json(
      { method: "POST", path: "/v1/selftest", idempotent: true },
      options,
    ) as Promise<SelfTestAnswer>;
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
    return withLatent((await this.channel.json(call, options)) as Answered & { readonly latent: string });
  }

  /** The latent that follows `history`; action i is the one taken at latent i. */
  async predict(history: Rows, actions: Rows, options?: CallOptions): Promise<Predicted> {
    const body = { history: history.map(packFloats), actions: actions.map(packFloats) };
    return withLatent(
      await this.send<Answered & { readonly latent: string }>("POST", "/v1/predict?latent=base64", body, options, true),
    );
  }

  async rollout(start: Frame, actions: Rows, options?: CallOptions): Promise<RolledOut> {
    const body = { start: frameOf(start), actions: actions.map(packFloats) };
    const path = "/v1/rollout?latent=base64";
    const answer = await this.send<Answered & { readonly trajectory: readonly string[] }>(
      "POST",
      path,
      body,
      options,
      true,
    );
    return { ...answer, trajectory: answer.trajectory.map(unpackFloats) };
  }

  /** Actions that lead from `start` toward `goal`. */
  async plan(request: PlanRequest, options?: CallOptions): Promise<Planned> {
    return planned(await this.send<PackedPlan>("POST", "/v1/plan?latent=base64", planBody(request), options, true));
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
    for await (const event of this.channel.events(call, options) as AsyncGenerator<EventOf<PlanServerEvent>>) {
      if (event.name === "progress") yield { kind: "progress", progress: event.data };
      else if (event.name === "error") throw errorOf(event.data.status ?? 500, JSON.stringify(event.data));
      else if (event.name === "result") return yield { kind: "result", result: planned(event.data as PackedPlan) };
    }
    throw new UnexpectedAnswer("the events ended without a result");
  }

  /**
   * How far a frame lies from what the model predicted after the ones before it on the same stream.
   * Not repeated: it counts.
   */
  async observe(request: ObserveRequest, options?: CallOptions): Promise<Observed> {
    const body: Record<string, unknown> = { stream: request.stream, ...frameOf(request.frame) };
    if (request.action !== undefined) body.action = packFloats(request.action);
    if (request.reset !== undefined) body.reset = request.reset;
    const answer = await this.send<Omit<ObserveAnswer, "latent"> & { readonly latent: string }>(
      "POST",
      "/v1/observe?latent=base64",
      body,
      options,
    );
    return { ...answer, latent: unpackFloats(answer.latent) } as Observed;
  }

  protected get<Answer>(path: string, options: CallOptions | undefined): Promise<Answer> {
    return this.channel.json({ method: "GET", path, idempotent: true }, options) as Promise<Answer>;
  }

  protected send<Answer>(
    method: "POST" | "PUT",
    path: string,
    body: unknown,
    options: CallOptions | undefined,
    idempotent = false,
  ): Promise<Answer> {
    const headers = { "content-type": "application/json" };
    return this.channel.json(
      { method, path, headers, body: JSON.stringify(body), idempotent },
      options,
    ) as Promise<Answer>;
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

export const slotPath = (slot: string): string => `/v1/models/${encodeURIComponent(slot)}`;
