import { setMaxListeners } from "node:events";
import type { MqttClient } from "mqtt";
import { InputError } from "synapse-engine/errors";
import type { BrokerChange, BrokerWatch } from "./brokerWatch.js";
import { eachInParallel } from "./eachBoard.js";
import type { Inventory } from "./inventory.js";
import {
  type BoardStanding,
  boardsLeft,
  countStandings,
  type RollOutState,
  writeRollOutState,
} from "./rollOutState.js";
import { type Outcome, updateBoard } from "./updateBoard.js";
import type { UpdateFile } from "./updateFile.js";
import { watchWave } from "./watchWave.js";
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
  /** How long a broker that is gone is waited for. */
  readonly brokerTimeoutMs: number;
  /** How long boards that are away when their turn comes are waited for. */
  readonly offlineMs: number;
  /** Also boards that say that they run it already. */
  readonly force: boolean;
  readonly pollMs: number;
}

export interface RollOutRequest {
  readonly client: MqttClient;
  readonly broker: BrokerWatch;
  readonly inventory: Inventory;
  readonly file: UpdateFile;
  readonly url: string;
  /** Whether that address ends with this roll-out. */
  readonly urlEnds: boolean;
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
  | ({ readonly kind: "broker" } & BrokerChange)
  | { readonly kind: "board"; readonly id: string; readonly board: BoardStanding };

/** Why a roll-out ended. */
export interface RollOutEnd {
  readonly finished: boolean;
  /** Why it was stopped, in words. */
  readonly stopped?: string;
}

/** A roll-out of `ids`, which were `chosen` so, that has not begun. */
export function newRollOut(
  file: UpdateFile,
  broker: string,
  ids: readonly string[],
  plan: WavePlan,
  chosen = "",
): RollOutState {
  const { kind, name, sha256, title } = file;
  const boards = Object.fromEntries(ids.map((id) => [id, { standing: "waiting" as const }]));
  const waves = wavesOf(ids, plan);
  return { version: 1, kind, broker, file: name, sha256, title, chosen, waves, watched: [], boards };
}

/** Throws an InputError `STATE_OTHER` where a state is that of another file, another broker or other boards. */
export function requireSameRollOut(
  state: RollOutState,
  file: UpdateFile,
  broker: string,
  chosen: string,
  path: string,
): void {
  const other =
    state.sha256 !== file.sha256
      ? `of ${state.file}`
      : state.broker !== broker
        ? `on ${state.broker}`
        : state.chosen !== chosen
          ? `for ${state.chosen || "all boards"}`
          : undefined;
  if (other === undefined) return;
  throw new InputError({
    code: "STATE_OTHER",
    source: path,
    message: `this is the state of another roll-out, ${other}, which is not at its end`,
    expected: "the same file, broker and choice of boards, or another --state",
  });
}

/**
 * Updates wave after wave. What was done before is not done again; boards that failed are not tried again unless their
 * standing was set back. The state is on disk before the first board is asked and after every change. Rejects with the
 * signal's reason when it aborts, and with an InputError `WRITE_FAILED`, `BROKER_LOST` or `BROKER_FORBIDS`.
 */
export async function rollOut(request: RollOutRequest): Promise<RollOutEnd> {
  const run = new RollOut(request);
  try {
    return await run.toEnd();
  } finally {
    await run.close();
  }
}

class RollOut {
  readonly #request: RollOutRequest;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #unlisten: () => void;
  #brokerTimer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  #dirty = false;
  #unsaved: unknown;

  constructor(request: RollOutRequest) {
    this.#request = request;
    this.#signal = AbortSignal.any([request.signal, this.#stop.signal]);
    // All boards of a wave wait for it at once.
    setMaxListeners(0, this.#signal);
    this.#unlisten = request.broker.listen((change) => {
      request.changed({ kind: "broker", ...change });
      this.#limitAbsence();
    });
    this.#limitAbsence();
  }

  async toEnd(): Promise<RollOutEnd> {
    const { state, stateFile } = this.#request;
    await writeRollOutState(stateFile, state);
    for (const [wave, ids] of state.waves.entries()) {
      const left = boardsLeft(state).filter((id) => ids.includes(id));
      if (left.length > 0) {
        this.#request.changed({ kind: "wave", wave, boards: ids });
        state.watched = state.watched.filter((each) => each !== wave);
        await this.#wave(wave, left);
      }
      const reason = this.#gate(wave, ids);
      if (reason !== undefined) return { finished: false, stopped: reason };
      if (state.watched.includes(wave)) continue;
      const worse = await this.#watch(wave, ids);
      if (worse !== undefined) return { finished: false, stopped: worse };
    }
    return { finished: true };
  }

  /** Resolves when the last change is on disk, and rejects where it could not be written. */
  async close(): Promise<void> {
    this.#unlisten();
    clearTimeout(this.#brokerTimer);
    await this.#saving;
    if (this.#unsaved !== undefined) throw this.#unsaved;
  }

  async #wave(wave: number, ids: readonly string[]): Promise<void> {
    const { options, state } = this.#request;
    await eachInParallel(ids, options.parallel, async (id) => {
      // Boards that wait for their turn are not begun once it is clear that the wave has failed.
      if (this.#gate(wave, ids) !== undefined) return;
      await this.#request.broker.back(this.#signal);
      const begun = state.boards[id]?.standing === "updating";
      this.#set(id, begun || (await this.#isThere(id)) ? await this.#update(id, begun) : AWAY);
    });
    this.#signal.throwIfAborted();
  }

  async #isThere(id: string): Promise<boolean> {
    const { inventory, options } = this.#request;
    if (inventory.get(id)?.online) return true;
    if (options.offlineMs === 0) return false;
    const late = this.#request.broker.timeout(options.offlineMs);
    try {
      await inventory.until(id, (board) => board.online, AbortSignal.any([this.#signal, late.signal]));
      return true;
    } catch (error) {
      if (this.#signal.aborted) throw error;
      return false;
    } finally {
      late.end();
    }
  }

  #update(id: string, begun: boolean): Promise<Outcome> {
    const { client, broker, inventory, file, url, urlEnds, options } = this.#request;
    this.#set(id, { standing: "updating" });
    const { boardTimeoutMs: timeoutMs, pollMs, force } = options;
    const signal = this.#signal;
    return updateBoard({ client, broker, inventory, id, file, url, urlEnds, begun, timeoutMs, pollMs, force, signal });
  }

  #set(id: string, board: BoardStanding): void {
    this.#request.state.boards[id] = board;
    this.#request.changed({ kind: "board", id, board });
    this.#save();
  }

  /** One write at a time; changes that come meanwhile are in the next. Without a state nothing more is begun. */
  #save(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#saving = this.#saving
      .then(() => {
        this.#dirty = false;
        return writeRollOutState(this.#request.stateFile, this.#request.state);
      })
      .catch((error: unknown) => {
        this.#unsaved = error;
        this.#stop.abort(error);
      });
  }

  /** A broker that does not come back ends the roll-out; boards cannot be told apart without it. */
  #limitAbsence(): void {
    clearTimeout(this.#brokerTimer);
    const { broker, options, state } = this.#request;
    if (broker.connected) return;
    const seconds = options.brokerTimeoutMs / 1000;
    this.#brokerTimer = setTimeout(() => {
      const lost = new InputError({
        code: "BROKER_LOST",
        source: state.broker,
        message: `the broker went away and was not back within ${seconds} s`,
        expected: "the same command again when it is there: it goes on where this one ended",
      });
      this.#stop.abort(lost);
    }, options.brokerTimeoutMs);
  }

  /** Why the roll-out must not go on after a wave; undefined: it may. */
  #gate(wave: number, ids: readonly string[]): string | undefined {
    const { state, options } = this.#request;
    const of = (standing: string): number => ids.filter((id) => state.boards[id]?.standing === standing).length;
    const canaries = wave === 0 && state.waves.length > 1;
    if (canaries && of("failed") > 0) return `${of("failed")} of ${ids.length} canaries failed`;
    if (canaries && of("unreached") === ids.length)
      return "no canary was there: nothing says that the others may follow";
    const begun = state.waves.slice(0, wave + 1).reduce((sum, boards) => sum + boards.length, 0);
    const { failed } = countStandings(state);
    if (failed * 100 > begun * options.failuresPercentMax)
      return `${failed} of ${begun} boards failed; at most ${options.failuresPercentMax} % may`;
    return undefined;
  }

  /** Watches what has been updated: a model that runs may still bring a board down. */
  async #watch(wave: number, ids: readonly string[]): Promise<string | undefined> {
    const { client, broker, inventory, options, state } = this.#request;
    const updated = ids.filter((id) => state.boards[id]?.standing === "updated");
    if (options.soakMs > 0 && updated.length > 0) {
      const { soakMs: milliseconds, parallel } = options;
      const begun = (): void => this.#request.changed({ kind: "soak", wave, seconds: milliseconds / 1000 });
      const watch = { client, broker, inventory, milliseconds, parallel, signal: this.#signal, begun };
      for (const [id, detail] of await watchWave(updated, watch))
        this.#set(id, { standing: "failed", code: "UNHEALTHY", detail });
    }
    state.watched.push(wave);
    this.#save();
    return this.#gate(wave, ids);
  }
}

const AWAY: Outcome = { standing: "unreached", code: "OFFLINE", detail: "away when its turn came" };
