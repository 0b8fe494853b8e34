import { basename } from "node:path";
import type { EngineName, EntryInfo, Session } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import { isUntrained, type OpenedModel, openModelFile } from "../open/openModelFile.js";
import {
  type CompareReport,
  type ComparisonRow,
  isMeasurable,
  passes,
  type SimilarityBars,
} from "../report/compareReport.js";
import { plural } from "../report/format.js";
import { summarise } from "../report/similarity.js";
import { type ExpectedSample, readExpectedOutputs } from "./expectedOutputs.js";
import { OutputPairs, valuesOf } from "./outputPairs.js";

export interface VerifyModelOptions {
  /** The fastest that there is, when absent. */
  readonly engine?: EngineName | undefined;
  readonly threads: number;
  readonly bars: SimilarityBars;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, label: string) => void;
}

/**
 * Runs the pack at `file` on the inputs that were saved in `expected`, and holds its outputs against those beside them.
 */
export async function verifyModel(file: string, expected: string, options: VerifyModelOptions): Promise<CompareReport> {
  const opened = await openModelFile(file, options.engine);
  try {
    const rows = await compareExpected(opened, expected, options);
    return {
      command: "verify-model",
      model: basename(file),
      reference: null,
      expected: basename(expected),
      engine: `${opened.engine.name} (${opened.engine.isa})`,
      untrained: isUntrained(opened.model.info.meta),
      rows,
      bars: options.bars,
      notSeen: null,
      pass: rows.every((row) => passes(row, options.bars)),
    };
  } finally {
    await opened.close();
  }
}

/** One row for every output of which samples were saved. */
export async function compareExpected(
  opened: OpenedModel,
  expected: string,
  options: VerifyModelOptions,
): Promise<ComparisonRow[]> {
  const samples = await readExpectedOutputs(expected, opened.model.info);
  const session = await opened.model.createSession({ threads: options.threads });
  try {
    const rows: ComparisonRow[] = [];
    for (const entry of opened.model.info.entries) {
      const own = samples.filter((sample) => sample.entry === entry);
      if (own.length > 0) rows.push(...(await compareSamples(session, entry, own, options)));
    }
    requireMeasurable(rows, options.bars, expected);
    return rows;
  } finally {
    await session.close();
  }
}

async function compareSamples(
  session: Session,
  entry: EntryInfo,
  samples: readonly ExpectedSample[],
  { signal, onProgress }: VerifyModelOptions,
): Promise<ComparisonRow[]> {
  const pairs = new OutputPairs(entry);
  for (const [index, { inputs, outputs, rows }] of samples.entries()) {
    signal?.throwIfAborted();
    onProgress?.(index, samples.length, entry.name);
    const actual = await session.run(entry.name, inputs, rows);
    pairs.add(
      entry.outputs.map((port, at) => valuesOf(port, actual[at] as Uint8Array)),
      outputs,
      rows,
    );
  }
  onProgress?.(samples.length, samples.length, entry.name);
  return pairs.all().map(([what, made]) => ({
    what,
    inputs: plural(samples.length, "saved sample"),
    against: "expected",
    ...summarise(made),
  }));
}

/**
 * Throws `COMPARE_SAMPLES` where a bar is on a figure that a row does not have: such a check must neither pass nor
 * fail.
 */
export function requireMeasurable(rows: readonly ComparisonRow[], bars: SimilarityBars, source: string): void {
  const unknown = rows.find((row) => !isMeasurable(row, bars));
  if (unknown === undefined) return;
  throw new InputError({
    code: "COMPARE_SAMPLES",
    source,
    where: unknown.what,
    message: `${whyUnknown(unknown)} there is no centred cosine and no variance to hold an error against`,
    expected: "two samples that differ, or more",
  });
}

function whyUnknown({ count, positions, maxAbsError }: ComparisonRow): string {
  if (count < 2) return "there is one sample, of which";
  if (count === positions)
    return `the ${count} rows are those of one run, each the only one of its number, and may differ by that alone: so`;
  const others = `and the model gives others (by up to ${maxAbsError.toPrecision(3)})`;
  return `the expected outputs of all ${count} samples are the same, ${others}: of such`;
}
