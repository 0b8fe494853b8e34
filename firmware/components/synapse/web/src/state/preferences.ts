import { type Signal, signal } from "@preact/signals";
import type { BoardApi, Settings, SettingsChange } from "../api.js";
import type { Board } from "./board.js";
import type { Notices } from "./notices.js";

/** The owner's settings that the page changes. */
export class Preferences {
  /** As the board has them; null until they were asked for. */
  readonly settings: Signal<Settings | null> = signal(null);
  readonly busy: Signal<boolean> = signal(false);
  readonly note: Signal<string> = signal("");
  readonly #api: BoardApi;
  readonly #board: Board;
  readonly #notices: Notices;

  constructor(api: BoardApi, board: Board, notices: Notices) {
    this.#api = api;
    this.#board = board;
    this.#notices = notices;
  }

  async load(): Promise<void> {
    this.note.value = "";
    await this.#notices.attempt(async () => {
      this.settings.value = await this.#api.settings();
    });
  }

  /** As `load`, of a board that was away: without a word when it fails. */
  async refresh(): Promise<void> {
    this.settings.value = await this.#api.settings().catch(() => this.settings.value);
  }

  async save(changes: SettingsChange): Promise<void> {
    this.busy.value = true;
    this.note.value = "";
    await this.#notices.attempt(async () => {
      this.settings.value = await this.#api.changeSettings(changes);
      this.note.value = "saved";
      await this.#board.refresh();
    });
    this.busy.value = false;
  }

  forget(): void {
    this.settings.value = null;
    this.note.value = "";
  }
}
