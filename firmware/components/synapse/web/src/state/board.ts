import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { BoardApi, Device, Slot } from "../api.js";
import { BoardProblem, troubleOf } from "../problem.js";

const REFRESH_MS = 5000;

/** The board as it was last seen: who it is, what it runs, whether it answers. */
export class Board {
  readonly device: Signal<Device | null> = signal(null);
  /** Why the board does not talk to this browser, or null when it does. */
  readonly silence: Signal<string | null> = signal(null);
  /** The board wants a token that this browser does not have. */
  readonly refused: Signal<boolean> = signal(false);
  /** The slot whose model runs, or the first, which says why it does not. */
  readonly slot: ReadonlySignal<Slot | null> = computed(() => {
    const slots = this.device.value?.slots ?? [];
    return slots.find((slot) => slot.active) ?? slots[0] ?? null;
  });
  /** Changes when another model runs: what the old one said means nothing to it. */
  readonly modelKey: ReadonlySignal<string> = computed(() => (this.slot.value?.active ? (this.slot.value.sha256 ?? "") : ""));
  /** Of the firmware that this page came with. */
  pageVersion: string | null = null;
  readonly #api: BoardApi;

  constructor(api: BoardApi) {
    this.#api = api;
  }

  can(route: string): boolean {
    return this.slot.value?.active === true && (this.slot.value.routes?.includes(route) ?? false);
  }

  async refresh(signal?: AbortSignal): Promise<void> {
    try {
      const device = await this.#api.device(signal);
      this.pageVersion ??= device.firmware.version;
      this.device.value = device;
      this.silence.value = null;
      this.refused.value = false;
    } catch (error) {
      this.silence.value = troubleOf(error).text;
      if (error instanceof BoardProblem && (error.status === 401 || error.status === 429)) this.refused.value = true;
    }
  }

  /** Looks at the board now and then, while somebody looks at the page. */
  watch(): void {
    const look = () => {
      if (!document.hidden) void this.refresh();
    };
    look();
    setInterval(look, REFRESH_MS);
    document.addEventListener("visibilitychange", look);
  }
}
