/** xorshift32 (Marsaglia, 2003), the generator of a pack's self-test inputs: the same numbers on every machine. */
export class Xorshift32 {
  #state: number;

  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 1 || seed > 0xffffffff)
      throw new RangeError(`a seed is 1..2^32-1, not ${seed}`);
    this.#state = seed;
  }

  /** The next word, 1..2^32-1. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state;
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return Math.floor((this.next() / 2 ** 32) * bound);
  }

  /** A number in [-1, 1) of 24 significant bits, as docs/format.md maps words to f32. */
  unit(): number {
    return (this.next() >>> 8) * 2 ** -23 - 1;
  }
}
