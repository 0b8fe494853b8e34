import { type Signal, signal } from "@preact/signals";
import { isAbort, type Trouble, troubleOf } from "../problem.js";

/**
 * What the page tells: trouble, until it is put away or something else is begun, and what screen readers read aloud.
 */
export class Notices {
  readonly trouble: Signal<Trouble | null> = signal(null);
  readonly spoken: Signal<string> = signal("");

  clear(): void {
    this.trouble.value = null;
  }

  say(text: string): void {
    this.spoken.value = text;
  }

  report(error: unknown): void {
    if (!isAbort(error)) this.trouble.value = troubleOf(error);
  }

  /** Does `work` with trouble told; undefined when it did not end well. */
  async attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    this.clear();
    try {
      return await work();
    } catch (error) {
      this.report(error);
      return undefined;
    }
  }
}
