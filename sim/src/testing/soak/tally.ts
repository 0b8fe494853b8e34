/** What the clients of a soak have seen, and what of it must not be. */
export class Tally {
  /** Requests by manner, and answers by manner and status. */
  readonly counts = new Map<string, number>();
  /** Broken promises, each kind with how often and the first example. */
  readonly violations = new Map<string, { count: number; readonly example: string }>();
  /** Answers that were compared to the bit. */
  compared = 0;

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  violation(kind: string, example: string): void {
    const known = this.violations.get(kind);
    if (known) known.count++;
    else this.violations.set(kind, { count: 1, example });
  }
}
