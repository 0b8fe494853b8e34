import type { MqttClient } from "mqtt";
import { BoardError, BoardTimeout, BoardUnreachable, SynapseMqttClient, UnexpectedAnswer } from "synapse-client";
import { InputError } from "synapse-engine/errors";
import { isForbidden } from "./askBoards.js";
import type { BrokerWatch } from "./brokerWatch.js";
import type { Inventory } from "./inventory.js";
import { runs, type UpdateFile } from "./updateFile.js";

type Update = Awaited<ReturnType<SynapseMqttClient["update"]>>;

/** How an update of one board ended. */
export type Outcome =
  | { readonly standing: "updated" }
  | { readonly standing: "failed" | "unreached"; readonly code: string; readonly detail: string };

export interface UpdateBoardRequest {
  readonly client: MqttClient;
  readonly broker: BrokerWatch;
  readonly inventory: Inventory;
  readonly id: string;
  readonly file: UpdateFile;
  /** Where the board fetches it. */
  readonly url: string;
  /** Whether that address ends with this roll-out: then an update that is not done by then never will be. */
  readonly urlEnds: boolean;
  /** The longest that one board may take, its absences included, those of the broker not. */
  readonly timeoutMs: number;
  /** Also where the board says that it runs this version of the firmware already: it may be another build. */
  readonly force: boolean;
  /** It was announced to the board by an earlier run of the roll-out. */
  readonly begun: boolean;
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
/** Of one that has answered nothing at all, so many are enough: boards are back at a broker within half a minute. */
const UNANSWERED_MAX = 6;
/** To take an update back that nobody waits for any more. */
const GOODBYE_MS = 3_000;
/** The file is not all there yet: its address is still asked. */
const FETCHING: ReadonlySet<string> = new Set(["QUEUED", "DOWNLOADING"]);
/** The update has no end yet. */
const UNDER_WAY: ReadonlySet<string> = new Set([...FETCHING, "DOWNLOADED", "VERIFIED", "UPDATING"]);

/**
 * Has a board fetch a file, run it and prove it: by what it says that it runs and by its model's test vectors. A board
 * that restarts or is away in between is waited for and asked again; an update that has no end in time is taken back.
 * Rejects with the signal's reason, or an InputError `BROKER_FORBIDS`.
 */
export async function updateBoard(request: UpdateBoardRequest): Promise<Outcome> {
  const { signal, timeoutMs, broker, urlEnds } = request;
  const late = broker.timeout(timeoutMs);
  const run = new BoardRun({ ...request, signal: AbortSignal.any([signal, late.signal]) });
  try {
    return await run.toEnd();
  } catch (error) {
    // What it was waiting for is told before that is taken back.
    const outcome = run.late(timeoutMs);
    if (late.signal.aborted || urlEnds) await run.takeBack();
    signal.throwIfAborted();
    if (!late.signal.aborted) throw error;
    return outcome;
  } finally {
    late.end();
  }
}

class BoardRun {
  readonly #request: UpdateBoardRequest;
  readonly #board: SynapseMqttClient;
  #announcements = 0;
  #unanswered = 0;
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

  /** Ends what the board has not fetched yet, as far as it can be reached. */
  async takeBack(): Promise<void> {
    const { id, inventory, broker } = this.#request;
    if (this.#announcements === 0 || !broker.connected || !inventory.get(id)?.online) return;
    if (this.#last?.sha256 === this.#request.file.sha256 && !FETCHING.has(this.#last.state)) return;
    await this.#board.cancelUpdate({ signal: AbortSignal.timeout(GOODBYE_MS) }).catch(() => undefined);
  }

  late(timeoutMs: number): Outcome {
    const { inventory, id, file, begun } = this.#request;
    const seconds = timeoutMs / 1000;
    const last = this.#last;
    const { state: now, code, detail } = inventory.get(id)?.update ?? last ?? {};
    const why = [now, code, detail].filter((part) => part !== undefined).join(", ");
    const what =
      last?.sha256 === undefined || last.sha256 === file.sha256 ? "its update" : "its update to another file";
    const state = last === undefined ? "" : `; ${what} was ${why}`;
    if (!inventory.get(id)?.online)
      // Of one that was there before the update it must be believed that the update took it away.
      return this.#announcements > 0 || begun
        ? { standing: "failed", code: "LOST", detail: `not back ${seconds} s after its turn came${state}` }
        : { standing: "unreached", code: "OFFLINE", detail: `away when ${seconds} s were over` };
    return { standing: "failed", code: "TOO_SLOW", detail: `not done after ${seconds} s${state}` };
  }

  /** One look at the board, and what follows from it; undefined: look again. */
  async #step(): Promise<Outcome | undefined> {
    const { signal, file } = this.#request;
    const update = await this.#board.update({ signal });
    this.#unanswered = 0;
    this.#last = update;
    if (update.sha256 === undefined || update.sha256 === file.sha256) {
      if (update.state === "FAILED" && this.#announcements > 0)
        return {
          standing: "failed",
          code: update.code ?? "FAILED",
          detail: update.detail ?? "the board does not say why",
        };
      const running = await this.#isRunning(update);
      if (running === "yes") return this.#proof();
      // Announced again now, it would be fetched and begun anew when the trial is over.
      if (running === "on trial") return undefined;
      if (update.state === "IDLE" || update.state === "UPDATED" || update.state === "FAILED") return this.#announce();
      if (this.#announcements === 0) return this.#takeOver(update);
      return undefined;
    }
    // Another file is on its way; the board takes one at a time.
    return ["IDLE", "UPDATED", "FAILED", "VERIFIED"].includes(update.state) ? this.#announce() : undefined;
  }

  /** Of an earlier roll-out, whose address may be none any more; or one that was not to run what it has fetched. */
  async #takeOver({ state, url }: Update): Promise<undefined> {
    const { signal } = this.#request;
    if (state === "VERIFIED") return void (await this.#announce());
    if (!FETCHING.has(state) || url === this.#request.url) return;
    await this.#board.cancelUpdate({ signal });
    await this.#announce();
  }

  async #isRunning(update: Update): Promise<"yes" | "on trial" | "no"> {
    const { inventory, id, file, force, signal } = this.#request;
    const board = inventory.get(id);
    if (board === undefined || !runs(board, file)) return "no";
    if (file.kind === "model") return "yes";
    if (force && this.#announcements === 0)
      return update.state === "UPDATED" && update.sha256 === file.sha256 ? "yes" : "no";
    // A firmware on trial is left again at the next start.
    const { state } = (await this.#board.device({ signal })).firmware;
    if (state === "ON_TRIAL") return "on trial";
    // Of a build of the version that runs already, the one before is still there until the update has ended.
    return state === "VALID" && !(force && UNDER_WAY.has(update.state)) ? "yes" : "no";
  }

  async #announce(): Promise<Outcome | undefined> {
    const { file, url, signal } = this.#request;
    if (this.#announcements === ANNOUNCEMENTS_MAX)
      return {
        standing: "failed",
        code: "UPDATE_LOST",
        detail: `the board forgot its update ${ANNOUNCEMENTS_MAX} times: it restarts again and again`,
      };
    const announcement = { url, bytes: file.bytes.length, sha256: file.sha256, activate: true };
    if (file.kind === "model") await this.#board.fetchModel(announcement, { signal });
    else await this.#board.fetchFirmware(announcement, { signal });
    // One that the board refuses for a moment, as with a firmware on trial, is none.
    this.#announcements++;
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

  /** A broker that was restarted may go on to tell of boards that are gone. */
  #silence(): Outcome | undefined {
    const { broker, begun } = this.#request;
    if (!broker.connected || this.#last !== undefined || begun || ++this.#unanswered < UNANSWERED_MAX) return undefined;
    return {
      standing: "unreached",
      code: "SILENT",
      detail: "the broker says that it is there, but it answers nothing",
    };
  }

  /** A board that is busy or away is asked again; one that says no is believed. */
  #problem(error: unknown): Outcome | undefined {
    this.#request.signal.throwIfAborted();
    if (isForbidden(error))
      throw new InputError({
        code: "BROKER_FORBIDS",
        source: "--user",
        message: "the broker does not let this user command boards",
        expected: "a user who may publish to synapse/+/cmd/# and read synapse/+/res/# and synapse/+/…/res",
      });
    if (error instanceof BoardTimeout || error instanceof BoardUnreachable) return this.#silence();
    if (error instanceof UnexpectedAnswer || error instanceof TypeError)
      return { standing: "failed", code: "ANSWER_INVALID", detail: `no board answers so: ${error.message}` };
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
