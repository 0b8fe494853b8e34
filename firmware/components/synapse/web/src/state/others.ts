import { type Signal, signal } from "@preact/signals";
import type { BoardApi } from "../api.js";
import { countText } from "../format.js";
import type { Board } from "./board.js";
import type { Notices } from "./notices.js";

/** What others ask of the board, as far as its owner wants to end it. */
export class Others {
  readonly note: Signal<string> = signal("");
  readonly #api: BoardApi;
  readonly #board: Board;
  readonly #notices: Notices;

  constructor(api: BoardApi, board: Board, notices: Notices) {
    this.#api = api;
    this.#board = board;
    this.#notices = notices;
  }

  async stop(): Promise<void> {
    const answer = await this.#notices.attempt(() => this.#api.stopOthers());
    if (answer !== undefined) this.note.value = `${countText(answer.stopped, "request")} of others stopped`;
    await this.#board.refresh();
  }
}
