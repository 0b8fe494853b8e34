import type { ChipFacts } from "./checkBuild.js";

/** A chip in its loader, whose flash can be read and written. What fails rejects with an InputError. */
export interface FlashChip {
  readonly facts: ChipFacts;
  /** Erases what `bytes` will cover, whole sectors, and writes them; `done` hears how many are written so far. */
  write(offset: number, bytes: Uint8Array, done: (bytes: number) => void): Promise<void>;
  /** In hexadecimal, as the chip computes it over its flash. */
  md5(offset: number, bytes: number): Promise<string>;
  read(offset: number, bytes: number): Promise<Uint8Array>;
  eraseAll(): Promise<void>;
  /** After a transfer that failed: waits until the line is quiet, so that the next can be understood. */
  settle(): Promise<void>;
  /** Starts what is in the flash, and lets the port go. */
  restart(): Promise<void>;
  /** Lets the port go and leaves the chip as it is. */
  close(): Promise<void>;
}
