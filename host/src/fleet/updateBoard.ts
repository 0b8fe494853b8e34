import type { MqttClient } from "mqtt";
import { BoardError, BoardTimeout, BoardUnreachable, SynapseMqttClient } from "synapse-client";
import type { Inventory } from "./inventory.js";
import { runs, type UpdateFile } from "./updateFile.js";

type Update = Awaited<ReturnType<SynapseMqttClient["update"]>>;

/** How an update of one board ended. */
export type Outcome =
  | { readonly standing: "updated" }
  | { readonly standing: "failed" | "unreached"; readonly code: string; readonly detail: string };

export interface UpdateBoardRequest {
  readonly client: MqttClient;
  readonly inventory: Inventory;
  readonly id: string;
  readonly file: UpdateFile;
  /** Where the board fetches it. */
  readonly url: string;
  /** The longest that one board may take, absences included. */
  readonly timeoutMs: number;
  /** Also where the board says that it runs this version of the firmware already: it may be another build. */
  readonly force: boolean;
  /** Between two looks. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/** A board that loses its power loses its update too; it is asked again so often. */
const ANNOUNCEMENTS_MAX = 6;
/** What a board says of a moment. */
const PASSING: ReadonlySet<string> = new Set(["UPDATE_IN_PROGRESS", "UPLOAD_IN_PROGRESS", "FIRMWARE_ON_TRIAL"]);
/** One command; a board that is away answers none. */
const COMMAND_MS = 10_000;

/**
 * Has a board fetch a file, run it and prove it: by what it says that it runs and by its model's test vectors. A board
 * that restarts or is away in between is waited for and asked again. Rejects with the signal's reason only.
 */
export async function updateBoard(request: UpdateBoardRequest): Promise<Outcome> {
  const { signal, timeoutMs } = request;
  const late = AbortSignal.timeout(timeoutMs);
  const run = new BoardRun({ ...request, signal: AbortSignal.any([signal, late]) });
  try {
    return await run.toEnd();
  } catch (error) {
    signal.throwIfAborted();
    if (!late.aborted) throw error;
    return run.late(timeoutMs);
  }
}

class BoardRun {
  readonly #request: UpdateBoardRequest;
  readonly #board: SynapseMqttClient;
  #announcements = 0;
  #last: Update | undefined;

  constructor(request: UpdateBoardRequest) {
    this.#request = request;
    this.#board = new SynapseMqttClient({ connection: request.client, device: request.id, timeoutMs: COMMAND_MS });
  }

  async toEnd(): Promise<Outcome> {
    const { inventory, id, signal, pollMs } = this.#request;
    while (true) {
      await inventory.until(id, (board) => board.online, signal);
      const outcome = await this.#step().catch((error: unknown) => this.#problem(error));
      if (outcome !== undefined) return outcome;
      await delay(pollMs, signal);
    }
  }

  late(timeoutMs: number): Outcome {
    const { inventory, id } = this.#request;
    const board = inventory.get(id);
    const state = this.#last === undefined ? "" : `; its update was ${this.#last.state}`;
    return board?.online
      ? { standing: "failed", code: "TOO_SLOW", detail: `not done after ${timeoutMs / 1000} s${state}` }
      : { standing: "unreached", code: "OFFLINE", detail: `away when ${timeoutMs / 1000} s were over${state}` };
  }

  /** One look at the board, and what follows from it; undefined: look again. */
  async #step(): Promise<Outcome | undefined> {
    const { signal, file } = this.#request;
    const update = await this.#board.update({ signal });
    this.#last = update;
    if (update.sha256 === undefined || update.sha256 === file.sha256) {
      if (update.state === "FAILED" && this.#announcements > 0)
        return {
          standing: "failed",
          code: update.code ?? "FAILED",
          detail: update.detail ?? "the board does not say why",
        };
      if (await this.#isRunning(update)) return this.#proof();
      if (update.state === "IDLE" || update.state === "UPDATED" || update.state === "FAILED") return this.#announce();
      return undefined;
    }
    // Another file is on its way; the board takes one at a time.
    return ["IDLE", "UPDATED", "FAILED", "VERIFIED"].includes(update.state) ? this.#announce() : undefined;
  }

  async #isRunning(update: Update): Promise<boolean> {
    const { inventory, id, file, force, signal } = this.#request;
    const board = inventory.get(id);
    if (board === undefined || !runs(board, file)) return false;
    if (file.kind === "model") return true;
    if (force && this.#announcements === 0) return update.state === "UPDATED" && update.sha256 === file.sha256;
    // A firmware on trial is left again at the next start.
    return (await this.#board.device({ signal })).firmware.state === "VALID";
  }

  async #announce(): Promise<Outcome | undefined> {
    const { file, url, signal } = this.#request;
    if (++this.#announcements > ANNOUNCEMENTS_MAX)
      return {
        standing: "failed",
        code: "UPDATE_LOST",
        detail: `the board forgot its update ${ANNOUNCEMENTS_MAX} times: it restarts again and again`,
      };
    const announcement = { url, bytes: file.bytes.length, sha256: file.sha256, activate: true };
    if (file.kind === "model") await this.#board.fetchModel(announcement, { signal });
    else await this.#board.fetchFirmware(announcement, { signal });
    return undefined;
  }

  /** It says that it runs the file; what it computes has to be right as well. */
  async #proof(): Promise<Outcome> {
    const { inventory, id, signal } = this.#request;
    if (inventory.get(id)?.model === null) return { standing: "updated" };
    const { passed } = await this.#board.selftest({ signal });
    return passed
      ? { standing: "updated" }
      : { standing: "failed", code: "SELFTEST_FAILED", detail: "the model's test vectors give other results" };
  }

  /** A board that is busy or away is asked again; one that says no is believed. */
  #problem(error: unknown): Outcome | undefined {
    this.#request.signal.throwIfAborted();
    if (error instanceof BoardTimeout || error instanceof BoardUnreachable) return undefined;
    if (!(error instanceof BoardError)) throw error;
    const again = error.status === 503 || error.status === 429 || PASSING.has(error.code);
    return again ? undefined : { standing: "failed", code: error.code, detail: error.detail };
  }
}

function delay(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", abort, { once: true });
  });
}
