import type { MqttClient } from "mqtt";
import { InputError } from "synapse-engine/errors";
import { eachInParallel } from "./eachBoard.js";
import { healthOf } from "./health.js";
import type { Inventory } from "./inventory.js";
import { type BoardStanding, countStandings, type RollOutState, writeRollOutState } from "./rollOutState.js";
import { type Outcome, updateBoard } from "./updateBoard.js";
import type { UpdateFile } from "./updateFile.js";
import { type WavePlan, wavesOf } from "./waves.js";

export interface RollOutOptions {
  /** Boards that are updated at once. */
  readonly parallel: number;
  /** Of the boards of the waves so far, in percent: with more failures it stops. Of canaries none may fail. */
  readonly failuresPercentMax: number;
  /** How long the boards of a wave are watched before the next one begins. */
  readonly soakMs: number;
  /** The longest that one board may take, absences included. */
  readonly boardTimeoutMs: number;
  /** How long boards that are away when their turn comes are waited for. */
  readonly offlineMs: number;
  /** Also boards that say that they run it already. */
  readonly force: boolean;
  readonly pollMs: number;
}

export interface RollOutRequest {
  readonly client: MqttClient;
  readonly inventory: Inventory;
  readonly file: UpdateFile;
  readonly url: string;
  readonly state: RollOutState;
  readonly stateFile: string;
  readonly options: RollOutOptions;
  readonly signal: AbortSignal;
  /** After every change. */
  readonly changed: (change: RollOutChange) => void;
}

export type RollOutChange =
  | { readonly kind: "wave"; readonly wave: number; readonly boards: readonly string[] }
  | { readonly kind: "soak"; readonly wave: number; readonly seconds: number }
  | { readonly kind: "board"; readonly id: string; readonly board: BoardStanding };

/** Why a roll-out ended. */
export interface RollOutEnd {
  readonly finished: boolean;
  /** Why it was stopped, in words. */
  readonly stopped?: string;
}

/** A roll-out of `ids` that has not begun. */
export function newRollOut(file: UpdateFile, broker: string, ids: readonly string[], plan: WavePlan): RollOutState {
  const { kind, name, sha256, title } = file;
  const boards = Object.fromEntries(ids.map((id) => [id, { standing: "waiting" as const }]));
  return { version: 1, kind, broker, file: name, sha256, title, waves: wavesOf(ids, plan), boards };
}

/** Throws an InputError `STATE_OTHER` where a state is that of another file or another broker. */
export function requireSameRollOut(state: RollOutState, file: UpdateFile, broker: string, path: string): void {
  const other = state.sha256 !== file.sha256 ? `of ${state.file}` : `on ${state.broker}`;
  if (state.sha256 === file.sha256 && state.broker === broker) return;
  throw new InputError({
    code: "STATE_OTHER",
    source: path,
    message: `this is the state of another roll-out, ${other}`,
    expected: "the same file and broker, or another --state",
  });
}

/**
 * Updates wave after wave. What was done before is not done again; boards that failed are not tried again unless their
 * standing was set back. The state is on disk after every change. Rejects with the signal's reason when it aborts.
 */
export async function rollOut(request: RollOutRequest): Promise<RollOutEnd> {
  const run = new RollOut(request);
  try {
    return await run.toEnd();
  } finally {
    await run.saved();
  }
}

class RollOut {
  readonly #request: RollOutRequest;
  #saving: Promise<void> = Promise.resolve();
  #dirty = false;

  constructor(request: RollOutRequest) {
    this.#request = request;
  }

  async toEnd(): Promise<RollOutEnd> {
    const { state, options } = this.#request;
    for (const [wave, ids] of state.waves.entries()) {
      const left = ids.filter((id) => !["updated", "failed"].includes(state.boards[id]?.standing ?? "waiting"));
      if (left.length > 0) {
        this.#request.changed({ kind: "wave", wave, boards: ids });
        await this.#wave(wave, left);
      }
      const reason = this.#gate(wave, ids);
      if (reason !== undefined) return { finished: false, stopped: reason };
      if (left.length > 0 && wave + 1 < state.waves.length && options.soakMs > 0) {
        const worse = await this.#soak(wave, ids);
        if (worse !== undefined) return { finished: false, stopped: worse };
      }
    }
    return { finished: true };
  }

  /** Resolves when the last change is on disk. */
  saved(): Promise<void> {
    return this.#saving;
  }

  async #wave(wave: number, ids: readonly string[]): Promise<void> {
    const { options } = this.#request;
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#request.signal, stop.signal]);
    await eachInParallel(ids, options.parallel, async (id) => {
      // Boards that wait for their turn are not begun once it is clear that the wave has failed.
      if (this.#gate(wave, ids) !== undefined) return;
      const outcome = (await this.#isThere(id, signal)) ? await this.#update(id, signal) : AWAY;
      this.#set(id, outcome);
    }).catch((error: unknown) => {
      stop.abort(error);
      throw error;
    });
  }

  async #isThere(id: string, signal: AbortSignal): Promise<boolean> {
    const { inventory, options } = this.#request;
    if (inventory.get(id)?.online) return true;
    if (options.offlineMs === 0) return false;
    const late = AbortSignal.timeout(options.offlineMs);
    try {
      await inventory.until(id, (board) => board.online, AbortSignal.any([signal, late]));
      return true;
    } catch (error) {
      if (signal.aborted) throw error;
      return false;
    }
  }

  #update(id: string, signal: AbortSignal): Promise<Outcome> {
    const { client, inventory, file, url, options } = this.#request;
    this.#set(id, { standing: "updating" });
    const { boardTimeoutMs: timeoutMs, pollMs, force } = options;
    return updateBoard({ client, inventory, id, file, url, timeoutMs, pollMs, force, signal });
  }

  #set(id: string, board: BoardStanding): void {
    this.#request.state.boards[id] = board;
    this.#request.changed({ kind: "board", id, board });
    this.#save();
  }

  /** One write at a time; changes that come meanwhile are in the next. */
  #save(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#saving = this.#saving.then(() => {
      this.#dirty = false;
      return writeRollOutState(this.#request.stateFile, this.#request.state);
    });
  }

  /** Why the roll-out must not go on after a wave; undefined: it may. */
  #gate(wave: number, ids: readonly string[]): string | undefined {
    const { state, options } = this.#request;
    const failedHere = ids.filter((id) => state.boards[id]?.standing === "failed").length;
    if (wave === 0 && state.waves.length > 1 && failedHere > 0) return `${failedHere} of ${ids.length} canaries failed`;
    const begun = state.waves.slice(0, wave + 1).reduce((sum, boards) => sum + boards.length, 0);
    const { failed } = countStandings(state);
    if (failed * 100 > begun * options.failuresPercentMax)
      return `${failed} of ${begun} boards failed; at most ${options.failuresPercentMax} % may`;
    return undefined;
  }

  /** Watches what has been updated: a model that runs may still bring a board down. */
  async #soak(wave: number, ids: readonly string[]): Promise<string | undefined> {
    const { inventory, options, signal, state } = this.#request;
    const seconds = options.soakMs / 1000;
    this.#request.changed({ kind: "soak", wave, seconds });
    const updated = ids.filter((id) => state.boards[id]?.standing === "updated");
    const resets = new Map(updated.map((id) => [id, inventory.get(id)?.telemetry?.resets]));
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", abort);
        resolve();
      }, options.soakMs);
      if (signal.aborted) abort();
      signal.addEventListener("abort", abort, { once: true });
    });
    for (const id of updated) {
      const board = inventory.get(id);
      const before = resets.get(id);
      const restarted = before !== undefined && (board?.telemetry?.resets ?? before) > before;
      const health = board === undefined ? "offline" : healthOf(board);
      if (health === "good" && !restarted) continue;
      const detail = restarted
        ? `restarted within ${seconds} s after its update`
        : `${health} ${seconds} s after its update`;
      this.#set(id, { standing: "failed", code: "UNHEALTHY", detail });
    }
    return this.#gate(wave, ids);
  }
}

const AWAY: Outcome = { standing: "unreached", code: "OFFLINE", detail: "away when its turn came" };
