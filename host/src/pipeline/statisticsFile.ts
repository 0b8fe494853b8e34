import { InputError } from "synapse-engine/errors";
import { z } from "zod";
import type { MomentSums } from "../compress/linalg/moments.js";
import { atomicWriteWith } from "../files/atomicWrite.js";
import { readInput } from "../files/readInput.js";

/** Second moments of all statistics, and how much of the calibration they are made of. */
export interface SavedStatistics {
  /** Digest of all that the statistics depend on. */
  readonly key: string;
  /** Calibration runs that are done, of those in their fixed order. */
  readonly done: number;
  readonly sums: readonly MomentSums[];
}

const MAGIC = "SYNSTAT1";
const BYTES_MAX = 2 ** 33;
const KIND = "a statistics file that compress has written";

const headerSchema = z.strictObject({
  key: z.string(),
  done: z.int().min(0),
  statistics: z.array(z.strictObject({ k: z.int().min(1), count: z.int().min(0), weight: z.number().min(0) })),
});

/** Numbers of a statistic of k columns in the file. */
const numbersOf = (k: number) => 3 * k + (k * (k + 1)) / 2;

/** Writes the file whole or not at all. Rejects with an InputError `WRITE_FAILED`. */
export async function writeStatistics(path: string, { key, done, sums }: SavedStatistics): Promise<void> {
  const header = Buffer.from(
    JSON.stringify({ key, done, statistics: sums.map(({ k, count, weight }) => ({ k, count, weight })) }),
  );
  const prefix = Buffer.alloc(16);
  prefix.write(MAGIC, "latin1");
  prefix.writeUInt32LE(header.length, 8);
  await atomicWriteWith(path, async (file) => {
    await file.write(prefix);
    await file.write(header);
    for (const { centre, sums: left, exactSums, upper } of sums) {
      for (const numbers of [centre, left, exactSums, upper])
        await file.write(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
    }
  });
}

/** Reads the file; rejects with an InputError `FILE_*` or `STATISTICS_FILE`. */
export async function readStatistics(path: string): Promise<SavedStatistics> {
  const bytes = await readInput(path, KIND, BYTES_MAX);
  const wrong = (message: string) => new InputError({ code: "STATISTICS_FILE", source: path, message, expected: KIND });
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < 16 || view.toString("latin1", 0, 8) !== MAGIC) throw wrong("does not begin with SYNSTAT1");
  const end = 16 + view.readUInt32LE(8);
  const { data } = headerSchema.safeParse(parsed(view.toString("utf8", 16, Math.min(end, view.length))));
  if (data === undefined) throw wrong("has no readable header");
  const expected = end + 8 * data.statistics.reduce((sum, { k }) => sum + numbersOf(k), 0);
  if (view.length !== expected) throw wrong(`has ${view.length} bytes where its header asks for ${expected}`);
  let at = end;
  const take = (count: number) => {
    const numbers = new Float64Array(count);
    new Uint8Array(numbers.buffer).set(view.subarray(at, at + count * 8));
    at += count * 8;
    return numbers;
  };
  const sums = data.statistics.map((statistic) => ({
    ...statistic,
    centre: take(statistic.k),
    sums: take(statistic.k),
    exactSums: take(statistic.k),
    upper: take((statistic.k * (statistic.k + 1)) / 2),
  }));
  return { key: data.key, done: data.done, sums };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
