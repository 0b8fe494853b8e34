export const SECTOR_BYTES = 4_096;
const ERASED = 0xff;

/**
 * The flash beside the chip, as a loader sees it: bits go from 1 to 0 when they are written and come back by the
 * sector. Nothing outside of it can be reached: the functions answer false and leave everything as it was.
 */
export class NorFlash {
  readonly contents: Uint8Array;

  /** `contents` is kept and changed; erased flash of `bytes` unless given. */
  constructor(bytes: number, contents: Uint8Array = new Uint8Array(bytes).fill(ERASED)) {
    if (contents.length !== bytes)
      throw new RangeError(`a flash of ${bytes} bytes cannot hold an image of ${contents.length}`);
    this.contents = contents;
  }

  #holds(offset: number, bytes: number): boolean {
    return (
      Number.isInteger(offset) &&
      Number.isInteger(bytes) &&
      offset >= 0 &&
      bytes >= 0 &&
      offset + bytes <= this.contents.length
    );
  }

  /** A view, or undefined when the range does not lie in the flash. */
  read(offset: number, bytes: number): Uint8Array | undefined {
    return this.#holds(offset, bytes) ? this.contents.subarray(offset, offset + bytes) : undefined;
  }

  write(offset: number, data: Uint8Array): boolean {
    const place = this.read(offset, data.length);
    if (place === undefined) return false;
    for (let i = 0; i < data.length; i++) place[i] = (place[i] as number) & (data[i] as number);
    return true;
  }

  /** Erases every sector that the range touches. */
  erase(offset: number, bytes: number): boolean {
    if (!this.#holds(offset, bytes)) return false;
    if (bytes === 0) return true;
    const start = Math.floor(offset / SECTOR_BYTES) * SECTOR_BYTES;
    const end = Math.ceil((offset + bytes) / SECTOR_BYTES) * SECTOR_BYTES;
    this.contents.fill(ERASED, start, end);
    return true;
  }

  eraseAll(): void {
    this.contents.fill(ERASED);
  }
}
