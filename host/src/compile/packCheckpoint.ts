import { stat } from "node:fs/promises";
import { InputError } from "synapse-engine/errors";
import type { Board } from "synapse-sim/boards";
import { boardFit, sessionNeeds } from "../boards/boardFit.js";
import { findBoard, knownBoards } from "../boards/boards.js";
import type { Checkpoint } from "../checkpoint/index.js";
import type { SlimStorage } from "../compress/plain.js";
import { ACTION_STATISTICS } from "../config/actionSpace.js";
import { type ActionSpace, actionStatsSchema, type Statistics } from "../config/configSchema.js";
import { findConfig } from "../config/findConfig.js";
import { parseConfig } from "../config/parseConfig.js";
import { atomicWrite, isOpenStream } from "../files/atomicWrite.js";
import { readJsonInput } from "../files/readInput.js";
import { requireOtherFile } from "../files/requireOtherFile.js";
import { schemaError } from "../files/schemaError.js";
import type { AttentionCompute } from "../format/ops.js";
import type { Activations } from "../lower/activations.js";
import { fitCheckpoint, type WeightChoice, type WeightsReport, weightNotes } from "../lower/fitCheckpoint.js";
import { unscaledNote } from "../lower/weightScales.js";
import { openEngine } from "../open/openEngine.js";
import { isUntrained, openModelBytes, openModelFile, PACK_BYTES_MAX } from "../open/openModelFile.js";
import { addGolden } from "../pack/golden.js";
import { readPack } from "../pack/readPack.js";
import type { Program } from "../program/program.js";
import { bytesInFull } from "../report/format.js";
import { metadataWarnings } from "../report/metadataReport.js";
import type { PackReport } from "../report/packReport.js";
import { summarisePack } from "../report/packSummary.js";
import type { BoardFit } from "../report/slotFit.js";
import { type CompileProgress, compile } from "./compile.js";
import { openWeights } from "./openWeights.js";
import { checkMetadata } from "./packMetadata.js";

const CONFIG_BYTES_MAX = 4 << 20;

/** SRAM that the planner leaves for the device core, the session and the scratch of two threads. */
const SRAM_RESERVED_BYTES = 96 * 1024;
/** SRAM of a plan for no board in particular: what the boards known have free at most. */
const SRAM_FREE_BYTES = 393_216;

export interface PackRequest extends WeightChoice {
  /** A path, or an open checkpoint, which is not closed here. */
  readonly checkpoint: string | Checkpoint;
  /** Path of the configuration, or the name of one in `configs/`. */
  readonly config: string;
  /** As of `--type`; i8 when absent. */
  readonly types?: string | undefined;
  /** By default `i8` where the weights are integers. */
  readonly attention?: AttentionCompute | undefined;
  /** `int8` when absent. */
  readonly activations?: Activations | undefined;
  /** How vectors, tables and scales of rows are stored; f32 where absent. */
  readonly slim?: Partial<SlimStorage> | undefined;
  /** A board's file or name. */
  readonly board?: string | undefined;
  /** Path of a JSON file with `mean` and `std`, and perhaps `bounds` and `units`. */
  readonly actionStats?: string | undefined;
  readonly name?: string | undefined;
  /** Why the config is right where the metadata beside the weights say otherwise; absent, that is an error. */
  readonly ignoreMetadata?: string | undefined;
  readonly golden: boolean;
  readonly output?: string | undefined;
  /** As of `compile`. */
  readonly rewrite?: (program: Program) => Program | Promise<Program>;
  /** How the pack was made, beyond its types. */
  readonly recipe?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, label: string) => void;
}

/**
 * Compiles a checkpoint, adds golden vectors, checks the result with the runtime and writes it, in this order: a file
 * that appears is whole and valid. Rejects with InputErrors, `METADATA_CONTRADICTS` when the metadata beside the
 * weights say otherwise than the config, `MODEL_DOES_NOT_FIT` when a board was named that cannot hold the model.
 */
export async function packCheckpoint(request: PackRequest): Promise<PackReport> {
  const start = performance.now();
  const configSource = findConfig(request.config);
  const config = await readJsonInput(configSource, "a model's configuration", CONFIG_BYTES_MAX);
  const board = request.board ? await findBoard(request.board) : undefined;
  const types = request.types ?? "i8";
  const given = request.actionStats ? await readStatistics(request.actionStats) : undefined;
  const opened = await openWeights(request.checkpoint);
  try {
    const parsed = parseConfig(config, configSource);
    const { checkpoint, weights } = fitCheckpoint(opened, parsed, configSource, request);
    const untrained = isUntrained(checkpoint.metadata);
    const metadata = await checkMetadata(checkpoint, parsed, configSource, request.ignoreMetadata);
    const { bytes, report } = await compile({
      checkpoint,
      config,
      configSource,
      types,
      attentionCompute: request.attention,
      activations: request.activations,
      ...(request.slim === undefined ? {} : { slim: request.slim }),
      fastBytes: (board?.sram.freeBytes ?? SRAM_FREE_BYTES) - SRAM_RESERVED_BYTES,
      ...(given ? { statistics: { [ACTION_STATISTICS]: given.statistics }, actions: given.actions } : {}),
      ...(request.name === undefined ? {} : { name: request.name }),
      ...(request.rewrite === undefined ? {} : { rewrite: request.rewrite }),
      meta: packMetaOf(request, types, config, weights, untrained),
      onProgress: progressOf(request),
    });
    requireSize(bytes.length, checkpoint.path);
    const packed = request.golden ? await withGolden(bytes) : bytes;
    request.signal?.throwIfAborted();
    const source = typeof request.checkpoint === "string" ? request.checkpoint : checkpoint.path;
    const boards = await validate(packed, source, board);
    const output = request.output ?? `${report.name}.syn`;
    await requireOtherFile(output, [checkpoint.path, configSource, request.actionStats]);
    await atomicWrite(output, packed);
    if (await canBeReadBack(output)) await verifyWritten(output, request.golden);
    const { header, sha256 } = readPack(packed, output);
    return {
      command: "pack",
      output,
      name: header.name,
      checkpoint: { path: source, format: checkpoint.format },
      weights,
      config: configSource,
      types,
      numeric: header.numeric,
      untrained,
      fileBytes: packed.length,
      sha256,
      goldenCount: header.golden?.length ?? 0,
      summary: summarisePack(header),
      fallbacks: report.tensors.flatMap(({ name, type, fallback }) =>
        fallback ? [{ tensor: name, type, reason: fallback }] : [],
      ),
      metadata,
      boards,
      elapsedMs: performance.now() - start,
      warnings: [...notesOf(weights, checkpoint), ...metadataWarnings(metadata), ...warningsOf(report.statistics)],
    };
  } finally {
    if (typeof request.checkpoint === "string") await opened.close();
  }
}

/** Tells how far it is, and stops where that was asked for. */
function progressOf({ signal, onProgress }: PackRequest): (progress: CompileProgress) => void {
  return ({ done, total, name }) => {
    signal?.throwIfAborted();
    onProgress?.(done, total, name);
  };
}

function notesOf(weights: WeightsReport, checkpoint: Checkpoint): string[] {
  return [...weightNotes(weights), ...unscaledNote(checkpoint.tensors)];
}

function requireSize(bytes: number, source: string): void {
  if (bytes <= PACK_BYTES_MAX) return;
  throw new InputError({
    code: "PACK_TOO_LARGE",
    source,
    message: `the packed model would have ${bytes} bytes`,
    expected: `at most ${PACK_BYTES_MAX} bytes: smaller storage types (--type i4)`,
  });
}

function packMetaOf(
  { recipe }: PackRequest,
  types: string,
  config: unknown,
  weights: WeightsReport,
  untrained: boolean,
): Record<string, unknown> {
  return {
    types,
    config,
    ...weightsMeta(weights),
    ...(untrained ? { untrained: true } : {}),
    ...(recipe === undefined ? {} : { recipe }),
  };
}

/** What `compare` needs to find the same weights again; nothing where it would find them by itself. */
function weightsMeta({ stateDict, left }: WeightsReport): { weights?: { state_dict: string } } {
  return stateDict === null || left.length === 0 ? {} : { weights: { state_dict: stateDict } };
}

/** Of a file of `--action-stats`. Rejects with an InputError `STATISTICS_SCHEMA`. */
export async function readStatistics(file: string): Promise<{ statistics: Statistics; actions: ActionSpace }> {
  const json = await readJsonInput(file, 'JSON of the form {"mean": [..], "std": [..]}', CONFIG_BYTES_MAX);
  const result = actionStatsSchema.safeParse(json, { reportInput: true });
  if (result.success) {
    const { mean, std, ...actions } = result.data;
    return { statistics: { mean, std }, actions };
  }
  throw schemaError("STATISTICS_SCHEMA", result.error, file);
}

async function withGolden(bytes: Uint8Array): Promise<Uint8Array> {
  const engine = await openEngine(undefined);
  try {
    return await addGolden(bytes, engine);
  } finally {
    await engine.close();
  }
}

/**
 * Opens the pack with the runtime and holds its needs against `board`, which must hold it, or all known boards, which
 * need not.
 */
async function validate(packed: Uint8Array, source: string, board: Board | undefined): Promise<BoardFit[]> {
  const opened = await openModelBytes(packed, source, "wasm");
  try {
    const fits: BoardFit[] = [];
    for (const candidate of board ? [board] : await knownBoards()) {
      fits.push(boardFit(candidate, packed.length, await sessionNeeds(opened.model, candidate.cpu.cores)));
    }
    if (board) requireFit(fits[0] as BoardFit, source);
    return fits;
  } finally {
    await opened.close();
  }
}

function requireFit({ board, fits, lines }: BoardFit, source: string): void {
  if (fits) return;
  const short = lines.filter(({ neededBytes, availableBytes }) => neededBytes > availableBytes);
  const parts = short.map(
    ({ memory, neededBytes, availableBytes }) => `${bytesInFull(neededBytes - availableBytes)} of ${memory}`,
  );
  throw new InputError({
    code: "MODEL_DOES_NOT_FIT",
    source,
    message: `the packed model does not fit ${board}: ${parts.join(" and ")} are missing; nothing was written`,
    expected: "smaller storage types (--type i4), or a larger board",
  });
}

/** What went into a device, a FIFO or a stream is gone. */
async function canBeReadBack(output: string): Promise<boolean> {
  return !isOpenStream(output) && (await stat(output)).isFile();
}

/** Reads the file back and runs its self-test, so that what is said to be done is on the disk and works. */
async function verifyWritten(output: string, selfTest: boolean): Promise<void> {
  const opened = await openModelFile(output, selfTest ? undefined : "wasm");
  try {
    const session = await opened.model.createSession();
    await session.selfTest().finally(() => session.close());
  } finally {
    await opened.close();
  }
}

function warningsOf(statistics: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(statistics)
    .filter(([, value]) => value === null)
    .map(
      ([name]) =>
        `no statistics of "${name}" were given (--action-stats), so the model takes values that are standardised ` +
        "already",
    );
}
