import { type EventOf, readEvents } from "synapse-client/events";
import type {
  Action,
  ActivateAnswer,
  ClaimAnswer,
  ClaimRequest,
  Device,
  FirmwareAnswer,
  Frame,
  Observation,
  PlanAnswer,
  PlanProgress,
  PlanRequest,
  PlanServerEvent,
  RolloutAnswer,
  Seeing,
  Settings,
  SettingsChange,
  Slot,
  Stopped,
} from "./boardAnswers.js";
import { BoardProblem, isAbort, PageProblem, problemOf, Unreachable } from "./problem.js";
import type { Link } from "./state/link.js";
import type { TokenStore } from "./token.js";
import type { BoardRequestInit, Transport } from "./transport.js";

export type * from "./boardAnswers.js";

/** How the bytes of a file reach the board. */
export interface Sending {
  readonly onProgress: (sentBytes: number) => void;
  readonly signal: AbortSignal;
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

  slot(name: string, signal: AbortSignal): Promise<Slot> {
    return this.#json(slotPath(name), { signal });
  }

  claim(body: ClaimRequest): Promise<ClaimAnswer> {
    return this.#json("/v1/claim", jsonBody("POST", body));
  }

  release(): Promise<unknown> {
    return this.#json("/v1/claim", { method: "DELETE" });
  }

  /** Ends what is in progress for others than the owner. */
  stopOthers(): Promise<Stopped> {
    return this.#json("/v1/requests", { method: "DELETE" });
  }

  settings(): Promise<Settings> {
    return this.#json("/v1/settings");
  }

  changeSettings(changes: SettingsChange): Promise<Settings> {
    return this.#json("/v1/settings", jsonBody("PUT", changes));
  }

  encode(picture: Blob, signal: AbortSignal): Promise<Seeing> {
    return this.#json("/v1/encode", {
      method: "POST",
      headers: { "content-type": picture.type },
      body: picture,
      signal,
    });
  }

  observe(
    frame: Frame & { readonly stream: string; readonly action: Action },
    signal: AbortSignal,
  ): Promise<Observation> {
    return this.#json("/v1/observe", { ...jsonBody("POST", frame), signal });
  }

  rollout(start: Frame, actions: readonly Action[], signal: AbortSignal): Promise<RolloutAnswer> {
    return this.#json("/v1/rollout", { ...jsonBody("POST", { start, actions }), signal });
  }

  /** Plans, and tells each event of progress. Aborting closes the connection, and with it the board's work. */
  async plan(
    request: PlanRequest,
    onProgress: (progress: PlanProgress) => void,
    signal: AbortSignal,
  ): Promise<PlanAnswer> {
    const init = jsonBody("POST", request);
    const response = await this.#send("/v1/plan", {
      ...init,
      headers: { ...init.headers, accept: "text/event-stream" },
      signal,
    });
    if (response.body === null) throw new PageProblem("The board’s answer is empty.");
    try {
      for await (const event of readEvents(response.body) as AsyncGenerator<EventOf<PlanServerEvent>>) {
        this.#link.heard();
        if (event.name === "progress") onProgress(event.data);
        if (event.name === "result") return event.data as PlanAnswer;
        if (event.name === "error") throw new BoardProblem(event.data.status ?? 500, event.data);
      }
    } catch (error) {
      if (error instanceof BoardProblem || isAbort(error)) throw error;
      this.#link.doubt();
      throw new Unreachable("The connection broke while the board was planning.");
    }
    throw new Unreachable("The board’s answer broke off.", "plan again");
  }

  /** Sends a part of a model, which its headers describe. */
  sendPart(
    slot: string,
    part: Blob,
    headers: Readonly<Record<string, string>>,
    { onProgress, signal }: Sending,
  ): Promise<Slot> {
    const init = { method: "PUT", headers, body: part, onUploadProgress: onProgress, signal };
    return this.#json(slotPath(slot), init, "choose the same file again to go on");
  }

  /** Sends a whole firmware; one that breaks off begins anew. */
  uploadFirmware(file: Blob, { onProgress, signal }: Sending): Promise<FirmwareAnswer> {
    const headers = { "content-type": "application/octet-stream" };
    const init = { method: "POST", headers, body: file, onUploadProgress: onProgress, signal };
    return this.#json("/v1/firmware", init, "choose the file again unless the board runs it already");
  }

  activate(slot: string): Promise<ActivateAnswer> {
    return this.#json(`${slotPath(slot)}/activate`, { method: "POST" });
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

const slotPath = (slot: string): string => `/v1/models/${encodeURIComponent(slot)}`;

function jsonBody(method: string, body: object): { method: string; headers: Record<string, string>; body: string } {
  return { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
