import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";

/** Pauses between two looks for a board that does not answer; the last one stays. */
const PAUSES_MS = [1000, 2000, 4000, 8000, 16000, 30000];

/** Whether the board answers at all, whatever it says. */
export class Link {
  /** When it was last heard of, in `Date.now()`; null: never. */
  readonly heardMs: Signal<number | null> = signal(null);
  /** Looks in a row that nobody answered. */
  readonly missed: Signal<number> = signal(0);
  readonly lost: ReadonlySignal<boolean> = computed(() => this.missed.value > 0);
  /** When it is looked for again while it is lost, in `Date.now()`. */
  readonly nextLookMs: Signal<number> = signal(0);
  /** Called when a request was not answered: whoever watches the board looks whether it is there. */
  onDoubt: () => void = () => undefined;

  heard(): void {
    this.heardMs.value = Date.now();
    this.missed.value = 0;
  }

  /** A look that began at `sinceMs` was not answered. It means nothing when something else was heard meanwhile. */
  miss(sinceMs: number): void {
    if ((this.heardMs.value ?? 0) < sinceMs) this.missed.value += 1;
  }

  doubt(): void {
    this.onDoubt();
  }

  pauseMs(): number {
    return PAUSES_MS[Math.min(this.missed.value, PAUSES_MS.length) - 1] ?? 0;
  }
}
