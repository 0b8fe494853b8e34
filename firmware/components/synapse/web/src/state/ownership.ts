import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { BoardApi } from "../api.js";
import { BoardProblem, PageProblem } from "../problem.js";
import type { TokenStore } from "../token.js";
import type { Board } from "./board.js";
import type { Notices } from "./notices.js";

/** Who owns the board, and how this browser proves it. */
export class Ownership {
  /** A token that was just given; shown until it is put away. */
  readonly issued: Signal<string | null> = signal(null);
  readonly busy: Signal<boolean> = signal(false);
  /** The owner's token that this browser keeps. */
  readonly token: Signal<string | null>;
  /** Whether this browser may do what the owner may. */
  readonly held: ReadonlySignal<boolean>;
  /** Whether it may use the model. */
  readonly mayInfer: ReadonlySignal<boolean>;
  /** The owner wants to enter a token although the board answers without. */
  readonly entering: Signal<boolean> = signal(false);
  /** What the board wants before anything else works. */
  readonly gate: ReadonlySignal<"claim" | "token" | null>;
  readonly #api: BoardApi;
  readonly #token: TokenStore;
  readonly #board: Board;
  readonly #notices: Notices;
  readonly #isOwner: boolean;

  /** `isOwner`: whatever this page sends to the board comes from its owner, without a token of its own. */
  constructor(api: BoardApi, token: TokenStore, board: Board, notices: Notices, isOwner: boolean) {
    this.#api = api;
    this.#token = token;
    this.#board = board;
    this.#notices = notices;
    this.#isOwner = isOwner;
    this.token = signal((isOwner ? undefined : token.get()) ?? null);
    this.held = computed(() => isOwner || this.token.value !== null);
    this.mayInfer = computed(() => this.held.value || board.device.value?.open_inference === true);
    this.gate = computed(() => {
      if (board.refused.value) return "token";
      return board.device.value?.claimed === false ? "claim" : null;
    });
    api.onWrongToken = () => {
      this.#token.ignore();
      this.token.value = null;
    };
  }

  async claim(name: string, code: string): Promise<void> {
    await this.#work(async () => {
      const { token } = await this.#api.claim({ ...(name === "" ? {} : { name }), ...(code === "" ? {} : { code }) });
      this.#keep(token);
      // Where the page is the owner anyway, there is nobody to carry the token to.
      this.issued.value = this.#isOwner ? null : token;
      await this.#board.refresh();
    });
  }

  /** Tries a token; the one that this browser had comes back when the board does not know it. */
  async enter(token: string): Promise<boolean> {
    const before = this.#token.get();
    const known = await this.#work(async () => {
      this.#token.set(token);
      try {
        await this.#api.settings();
      } catch (error) {
        if (before === undefined) this.#token.forget();
        else this.#keep(before);
        throw error instanceof BoardProblem && error.status === 401
          ? new PageProblem("That is not this board’s token.", "expected the text that was shown when it was claimed")
          : error;
      }
      this.#keep(token);
      this.entering.value = false;
      await this.#board.refresh();
      return true;
    });
    return known === true;
  }

  putAway(): void {
    this.issued.value = null;
  }

  async release(): Promise<void> {
    await this.#work(async () => {
      await this.#api.release();
      this.#token.forget();
      this.token.value = null;
      this.issued.value = null;
      await this.#board.refresh();
    });
  }

  #keep(token: string): void {
    if (this.#isOwner) return;
    this.#token.set(token);
    this.token.value = token;
  }

  async #work<T>(work: () => Promise<T>): Promise<T | undefined> {
    this.busy.value = true;
    const result = await this.#notices.attempt(work);
    this.busy.value = false;
    return result;
  }
}
