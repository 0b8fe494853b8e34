import type { EngineName } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import { openModelFile } from "../open/openModelFile.js";
import { readPack } from "../pack/readPack.js";
import type { BenchReport } from "../report/benchReport.js";
import type { BoardSpeed } from "../report/boardEstimate.js";
import { entryWork } from "../report/kernelWork.js";
import { benchEntry } from "./benchModel.js";
import { summariseEngine, summariseModel } from "./runModel.js";

export interface BenchPackOptions {
  /** The fastest that there is, when absent. */
  readonly engine?: EngineName | undefined;
  readonly threads: number;
  /** Names of the entries to measure; all when absent. */
  readonly entry?: readonly string[];
  readonly runs: number;
  readonly warmups: number;
  readonly seed: number;
  readonly board: { readonly name: string; readonly speed: BoardSpeed };
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, label: string) => void;
}

/** Measures the entries of the pack at `file`, one after the other, each in a session of its own. */
export async function benchPack(file: string, options: BenchPackOptions): Promise<BenchReport> {
  const opened = await openModelFile(file, options.engine);
  try {
    const { entries } = opened.model.info;
    for (const name of options.entry ?? []) {
      if (entries.some((entry) => entry.name === name)) continue;
      throw new InputError({
        code: "ENTRY_UNKNOWN",
        source: file,
        message: `has no entry ${JSON.stringify(name)}`,
        expected: entries.map((entry) => entry.name).join(", "),
      });
    }
    const chosen = options.entry ? entries.filter(({ name }) => options.entry?.includes(name)) : entries;
    const { header } = readPack(opened.file, file);
    const measured = [];
    for (const entry of chosen) {
      const session = await opened.model.createSession({ threads: options.threads });
      try {
        const onProgress = (done: number, total: number) => options.onProgress?.(done, total, entry.name);
        const shared = {
          engine: opened.engine.name,
          runs: options.runs,
          warmups: options.warmups,
          seed: options.seed,
          onProgress,
        };
        const signal = options.signal ? { signal: options.signal } : {};
        measured.push(
          await benchEntry(session, entry, {
            ...shared,
            ...signal,
            board: options.board.speed,
            work: entryWork(header, entry.name),
          }),
        );
      } finally {
        await session.close();
      }
    }
    const model = summariseModel(opened, file);
    return {
      command: "bench",
      model,
      engine: summariseEngine(opened, options.threads),
      openMs: opened.openMs,
      board: options.board.name,
      entries: measured,
    };
  } finally {
    await opened.close();
  }
}
