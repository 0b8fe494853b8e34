import { InputError } from "synapse-engine/errors";
import { inputError } from "../files/inputError.js";
import type { FlashChip } from "./chip.js";
import type { FlashRegion } from "./composeFlash.js";
import { hexOf, type Md5 } from "./md5.js";

/**
 * What is written, verified and, after a failure, repeated at once: few enough bytes that a repetition costs seconds,
 * and whole blocks of 64 KiB, which flash erases fastest.
 */
export const PIECE_BYTES = 256 * 1024;
const ATTEMPTS = 3;

/** A part of a region that the chip has been seen to hold. */
export interface WrittenPiece {
  readonly offset: number;
  readonly bytes: number;
  readonly md5: string;
}

export interface WriteProgress {
  readonly region: string;
  /** Of all regions together. */
  readonly doneBytes: number;
  /** Of these, found in the flash as they should be. */
  readonly keptBytes: number;
  readonly totalBytes: number;
}

export interface WriteOptions {
  readonly md5: Md5;
  /**
   * Pieces of an earlier transfer, which are believed only when the chip says so; those it holds are not written again.
   */
  readonly earlier?: readonly WrittenPiece[];
  readonly signal?: AbortSignal;
  readonly progress?: (progress: WriteProgress) => void;
  /** Hears of every piece that the chip holds, before the next one is begun. */
  readonly written?: (piece: WrittenPiece) => Promise<void> | void;
}

export interface WriteReport {
  readonly writtenBytes: number;
  /** Found in the flash as they should be. */
  readonly keptBytes: number;
  /** How often a piece had to be written again. */
  readonly repetitions: number;
}

/**
 * Writes regions piece by piece, and asks the chip for the MD5 of each. Rejects with an InputError of the chip
 * (`CABLE_LOST`, ...) or `FLASH_NOT_HELD`, when the flash holds something else however often it is written.
 */
export async function writeFlash(
  chip: FlashChip,
  regions: readonly FlashRegion[],
  options: WriteOptions,
): Promise<WriteReport> {
  const totalBytes = regions.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const report = { writtenBytes: 0, keptBytes: 0, repetitions: 0 };
  let doneBytes = 0;
  for (const region of regions) {
    for (let at = 0; at < region.bytes.length; at += PIECE_BYTES) {
      options.signal?.throwIfAborted();
      const bytes = region.bytes.subarray(at, at + PIECE_BYTES);
      const piece = { offset: region.offset + at, bytes: bytes.length, md5: hexOf(options.md5(bytes)) };
      const tell = (written: number) =>
        options.progress?.({
          region: region.name,
          doneBytes: doneBytes + written,
          keptBytes: report.keptBytes,
          totalBytes,
        });
      if (isEarlier(options.earlier ?? [], piece) && (await holds(chip, piece))) report.keptBytes += piece.bytes;
      else {
        report.repetitions += await writePiece(chip, piece, bytes, tell);
        report.writtenBytes += piece.bytes;
      }
      doneBytes += piece.bytes;
      await options.written?.(piece);
      tell(0);
    }
  }
  return report;
}

const isEarlier = (earlier: readonly WrittenPiece[], { offset, bytes, md5 }: WrittenPiece): boolean =>
  earlier.some((each) => each.offset === offset && each.bytes === bytes && each.md5 === md5);

const holds = async (chip: FlashChip, { offset, bytes, md5 }: WrittenPiece): Promise<boolean> =>
  (await chip.md5(offset, bytes)) === md5;

/** Writes until the chip holds the piece, and answers how many times too many. */
async function writePiece(
  chip: FlashChip,
  piece: WrittenPiece,
  bytes: Uint8Array,
  tell: (written: number) => void,
): Promise<number> {
  let failure: unknown;
  for (let repetitions = 0; repetitions < ATTEMPTS; repetitions++) {
    try {
      await chip.write(piece.offset, bytes, tell);
      if (await holds(chip, piece)) return repetitions;
    } catch (error) {
      // Without the chip there is nothing to try again.
      if (!(error instanceof InputError) || error.code !== "CHIP_TROUBLE") throw error;
      failure = error;
      await chip.settle();
    }
  }
  throw (
    failure ??
    inputError(`flash at 0x${piece.offset.toString(16)}`, "FLASH_NOT_HELD", "it holds other bytes than were written", {
      expected: `the MD5 ${piece.md5}: the flash is worn out or its power is too weak`,
    })
  );
}
