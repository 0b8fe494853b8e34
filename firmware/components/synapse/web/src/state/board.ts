import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { BoardApi, Device, Slot } from "../api.js";
import { BoardProblem, isAbort, troubleOf, Unreachable } from "../problem.js";
import type { Link } from "./link.js";

const REFRESH_MS = 5000;
/** A board that is busy answers this well within; one that is gone never would. */
const LOOK_MS_MAX = 8000;

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
  readonly modelKey: ReadonlySignal<string> = computed(() =>
    this.slot.value?.active ? (this.slot.value.sha256 ?? "") : "",
  );
  readonly link: Link;
  /** Of the firmware that this page came with. */
  pageVersion: string | null = null;
  readonly #api: BoardApi;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(api: BoardApi, link: Link) {
    this.#api = api;
    this.link = link;
  }

  can(route: string): boolean {
    return this.slot.value?.active === true && (this.slot.value.routes?.includes(route) ?? false);
  }

  async refresh(signal: AbortSignal = AbortSignal.timeout(LOOK_MS_MAX)): Promise<void> {
    const sinceMs = Date.now();
    try {
      const device = await this.#api.device(signal);
      this.pageVersion ??= device.firmware.version;
      this.device.value = device;
      this.silence.value = null;
      this.refused.value = false;
    } catch (error) {
      if (isAbort(error)) return;
      this.silence.value = troubleOf(error).text;
      if (error instanceof Unreachable) this.link.miss(sinceMs);
      if (error instanceof BoardProblem && (error.status === 401 || error.status === 429)) this.refused.value = true;
    }
    this.#lookLater();
  }

  /** Looks at the board now and then, while somebody looks at the page; for one that is lost, less and less often. */
  watch(): void {
    this.link.onDoubt = () => void this.refresh();
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.refresh();
    });
    void this.refresh();
  }

  #lookLater(): void {
    const pauseMs = this.link.pauseMs() || REFRESH_MS;
    this.link.nextLookMs.value = Date.now() + pauseMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!document.hidden) void this.refresh();
    }, pauseMs);
  }
}
