import { readEvents } from "./events.js";
import { BoardProblem, isAbort, PageProblem, problemOf, Unreachable } from "./problem.js";
import type { Link } from "./state/link.js";
import type { TokenStore } from "./token.js";
import type { BoardRequestInit, Transport } from "./transport.js";

export interface Slot {
  readonly slot: string;
  readonly state: "VALID" | "PENDING" | "EMPTY" | "BROKEN";
  readonly active: boolean;
  /** Of the largest model that the slot holds; of boards with flash. */
  readonly capacity_bytes?: number;
  readonly detail?: string;
  readonly upload?: { readonly received_bytes: number; readonly bytes: number };
  readonly name?: string;
  readonly untrained?: boolean;
  readonly bytes?: number;
  readonly sha256?: string;
  /** By one of the board's update keys; of slots that hold a model. */
  readonly signed?: boolean;
  readonly image?: { readonly width: number; readonly height: number };
  readonly latent_elements?: number;
  readonly action_elements?: number;
  readonly actions?: ActionSpace;
  readonly routes?: readonly string[];
}

/** What the values of an action are, where the model says so: each bound is one number for each value of an environment action. */
export interface ActionSpace {
  readonly units?: string;
  readonly bounds?: { readonly min: readonly number[]; readonly max: readonly number[] };
}

export interface MemoryRegion {
  readonly bytes: number;
  readonly used_bytes: number;
}

export interface PlanLimits {
  readonly horizon_max: number;
  readonly samples_max: number;
  readonly iterations_max: number;
  readonly elites_max: number;
  readonly predictions_max: number;
}

export interface Firmware {
  readonly name: string;
  readonly version: string;
  readonly state: "VALID" | "ON_TRIAL" | "RETURNED";
  /** 0: it is only updated over the serial port. */
  readonly capacity_bytes: number;
  readonly engine: string;
  readonly isa: string;
}

/** A firmware that the board has taken. */
export interface TakenFirmware {
  readonly project: string;
  readonly version: string;
  readonly rebooting: boolean;
}

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly simulated: boolean;
  readonly board: { readonly name: string; readonly chip: string; readonly chip_revision: string };
  readonly firmware: Firmware;
  readonly uptime_us: number;
  readonly reset: { readonly reason: string; readonly count: number };
  readonly clocks: { readonly cpu_hz: number | null; readonly psram_hz: number | null; readonly flash_hz: number | null };
  readonly memory: { readonly fast: MemoryRegion; readonly slow: MemoryRegion };
  readonly queue: { readonly in_progress: number; readonly capacity: number };
  readonly limits: { readonly rollout_steps_max: number; readonly plan: PlanLimits };
  readonly claimed?: boolean;
  readonly claim_window?: boolean;
  /** Whether everybody may use the model, without a token. */
  readonly open_inference?: boolean;
  readonly safe_mode?: boolean;
  /** With any, the board takes only models that one of them signed. */
  readonly update_keys?: readonly string[];
  readonly slots: readonly Slot[];
  readonly mqtt?: { readonly connected: boolean; readonly topic: string };
}

export interface Timing {
  readonly receive_us: number;
  readonly decode_us: number;
  readonly queue_us: number;
  readonly inference_us: number;
  readonly total_us: number;
}

export type Latent = readonly number[];
export type Action = readonly number[];

/** The model that gave an answer, by the SHA-256 of its pack. */
export interface AnsweringModel {
  readonly sha256: string;
}

export interface Seeing {
  readonly latent: Latent;
  readonly model: AnsweringModel;
  readonly timing: Timing;
}

export interface RolloutAnswer {
  readonly trajectory: readonly Latent[];
  readonly model: AnsweringModel;
  readonly timing: Timing;
}

export interface Observation {
  readonly frame: number;
  readonly surprise: number | null;
  readonly z_score: number | null;
  readonly count: number;
  readonly mean: number | null;
  readonly latent: Latent;
  readonly model: AnsweringModel;
  readonly timing: Timing;
}

/** A frame as the board reads it: a latent that is known, or a picture. */
export type Frame = { readonly latent: Latent } | { readonly image: string; readonly type: string };

export interface Budget {
  readonly samples: number;
  readonly iterations: number;
  readonly elites: number;
}

export interface PlanRequest {
  readonly start: Frame;
  readonly goal: Frame;
  readonly horizon: number;
  readonly budget: Budget;
}

export interface PlanProgress {
  readonly iteration: number;
  readonly iterations: number;
  readonly predictions: number;
  readonly cost: number | null;
}

export interface PlanAnswer {
  readonly actions: readonly Action[];
  readonly trajectory: readonly Latent[];
  readonly cost: number;
  readonly predictions: number;
  readonly model: AnsweringModel;
  readonly timing: Timing;
}

export interface Settings {
  readonly name: string;
  readonly open_read: boolean;
  readonly open_inference: boolean;
}

/** The routes that the page uses. Refusals are BoardProblems, a board out of reach is Unreachable. */
export class BoardApi {
  readonly #transport: Transport;
  readonly #token: TokenStore;
  readonly #link: Link;
  /** Called when the board knows another token than the one that was sent. */
  onWrongToken: () => void = () => undefined;

  constructor(transport: Transport, token: TokenStore, link: Link) {
    this.#transport = transport;
    this.#token = token;
    this.#link = link;
  }

  device(signal: AbortSignal): Promise<Device> {
    return this.#json("/v1/device", { signal });
  }

  slot(name: string): Promise<Slot> {
    return this.#json(`/v1/models/${name}`);
  }

  claim(body: { readonly code?: string; readonly name?: string }): Promise<{ readonly token: string }> {
    return this.#json("/v1/claim", jsonBody("POST", body));
  }

  release(): Promise<unknown> {
    return this.#json("/v1/claim", { method: "DELETE" });
  }

  settings(): Promise<Settings> {
    return this.#json("/v1/settings");
  }

  changeSettings(changes: Partial<Settings>): Promise<Settings> {
    return this.#json("/v1/settings", jsonBody("PUT", changes));
  }

  encode(picture: Blob, signal: AbortSignal): Promise<Seeing> {
    return this.#json("/v1/encode", { method: "POST", headers: { "content-type": picture.type }, body: picture, signal });
  }

  observe(frame: Frame & { readonly stream: string; readonly action: Action }, signal: AbortSignal): Promise<Observation> {
    return this.#json("/v1/observe", { ...jsonBody("POST", frame), signal });
  }

  rollout(start: Frame, actions: readonly Action[], signal: AbortSignal): Promise<RolloutAnswer> {
    return this.#json("/v1/rollout", { ...jsonBody("POST", { start, actions }), signal });
  }

  /** Plans, and tells each event of progress. Aborting closes the connection, and with it the board's work. */
  async plan(request: PlanRequest, onProgress: (progress: PlanProgress) => void, signal: AbortSignal): Promise<PlanAnswer> {
    const init = jsonBody("POST", request);
    const response = await this.#send("/v1/plan", { ...init, headers: { ...init.headers, accept: "text/event-stream" }, signal });
    if (response.body === null) throw new PageProblem("The board’s answer is empty.");
    try {
      for await (const { name, data } of readEvents(response.body)) {
        this.#link.heard();
        if (name === "progress") onProgress(data as PlanProgress);
        if (name === "result") return data as PlanAnswer;
        if (name === "error") throw new BoardProblem((data as { status?: number }).status ?? 500, data as object);
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.#link.doubt();
      throw new Unreachable("The connection broke while the board was planning.");
    }
    throw new Unreachable("The board’s answer broke off.", "plan again");
  }

  /** Sends `file` from byte `from` on, which the board has confirmed it holds. */
  upload(slot: string, file: Blob, from: number, onProgress: (sentBytes: number) => void, signal: AbortSignal): Promise<Slot> {
    const headers: Record<string, string> = { "content-type": "application/octet-stream" };
    if (from > 0) headers["content-range"] = `bytes ${from}-${file.size - 1}/${file.size}`;
    const init = {
      method: "PUT",
      headers,
      body: from > 0 ? file.slice(from) : file,
      onUploadProgress: (sentBytes: number) => onProgress(from + sentBytes),
      signal,
    };
    return this.#json(`/v1/models/${slot}`, init, "choose the same file again to go on");
  }

  /** Sends a whole firmware; one that breaks off begins anew. */
  uploadFirmware(file: Blob, onUploadProgress: (sentBytes: number) => void, signal: AbortSignal): Promise<TakenFirmware> {
    const headers = { "content-type": "application/octet-stream" };
    const init = { method: "POST", headers, body: file, onUploadProgress, signal };
    return this.#json("/v1/firmware", init, "choose the file again unless the board runs it already");
  }

  activate(slot: string): Promise<Slot & { readonly vectors_passed: number }> {
    return this.#json(`/v1/models/${slot}/activate`, { method: "POST" });
  }

  /** `brokenHint`: what to do when the connection breaks during an upload. */
  async #json<T>(path: string, init: BoardRequestInit = {}, brokenHint = ""): Promise<T> {
    const response = await this.#send(path, init, brokenHint);
    try {
      return (await response.json()) as T;
    } catch (error) {
      if (isAbort(error)) throw error;
      throw this.#broken(path, new Unreachable("The board’s answer broke off."));
    }
  }

  async #send(path: string, init: BoardRequestInit, brokenHint = ""): Promise<Response> {
    const headers = new Headers(init.headers);
    const token = this.#token.get();
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    let response: Response;
    try {
      const { onUploadProgress } = init;
      const watched = onUploadProgress && { onUploadProgress: this.#hearing(onUploadProgress) };
      response = await this.#transport(path, { ...init, ...watched, headers });
    } catch (error) {
      if (isAbort(error)) throw error;
      const problem =
        init.onUploadProgress === undefined
          ? new Unreachable("The board does not answer.")
          : new Unreachable("The connection broke during the upload.", brokenHint);
      throw this.#broken(path, problem);
    }
    this.#link.heard();
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (problem.code === "TOKEN_WRONG") this.onWrongToken();
    throw problem;
  }

  /** A look is what doubt leads to, so it raises none itself. */
  #broken(path: string, problem: Unreachable): Unreachable {
    if (path !== "/v1/device") this.#link.doubt();
    return problem;
  }

  /** What moves on its way to the board is a sign of it too. */
  #hearing(told: (sentBytes: number) => void): (sentBytes: number) => void {
    return (sentBytes) => {
      this.#link.heard();
      told(sentBytes);
    };
  }
}

function jsonBody(method: string, body: object): { method: string; headers: Record<string, string>; body: string } {
  return { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
