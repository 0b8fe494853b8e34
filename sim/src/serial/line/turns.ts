/** One program at a time speaks to the chip; others wait for their turn, in the order in which they came. */
export class Turns {
  #active: object | undefined;
  #waiting: { readonly client: object; readonly start: () => void }[] = [];

  /** `start` is called when it is the client's turn, maybe at once. */
  ask(client: object, start: () => void): void {
    this.#waiting.push({ client, start });
    this.#next();
  }

  /** The client has gone. When it was its turn, `left` runs before the next one's begins. */
  leave(client: object, left: () => void): void {
    this.#waiting = this.#waiting.filter((each) => each.client !== client);
    if (this.#active !== client) return;
    this.#active = undefined;
    left();
    this.#next();
  }

  #next(): void {
    if (this.#active !== undefined) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#active = next.client;
    next.start();
  }
}
