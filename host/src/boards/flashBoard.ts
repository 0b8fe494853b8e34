import type { Board } from "synapse-sim/boards";
import { openFileSet } from "../files/fileSet.js";
import { inputError } from "../files/inputError.js";
import { readInput } from "../files/readInput.js";
import { type FirmwareBuild, readBuilds } from "../flash/build.js";
import { type BuildDemands, buildForChip, type ChipFacts, checkBuild, checkChip } from "../flash/checkBuild.js";
import type { FlashChip } from "../flash/chip.js";
import { composeFlash, type FlashRegion } from "../flash/composeFlash.js";
import { connectChip } from "../flash/espChip.js";
import { revisionText } from "../flash/espImage.js";
import {
  boardEntries,
  boardWithTable,
  parseTable,
  TABLE_BYTES,
  TABLE_OFFSET,
  tableDifferences,
} from "../flash/partitionTable.js";
import { type WriteProgress, writeFlash } from "../flash/writeFlash.js";
import { FlashState } from "../owner/flashState.js";
import { TokenFile } from "../owner/tokens.js";
import type { FlashMap, FlashReport } from "../report/flashReport.js";
import { nodeMd5 } from "../serial/nodeMd5.js";
import { findPort } from "../serial/openPort.js";
import { findBoard, knownBoards } from "./boards.js";
import { type FactoryFlash, type FirstSettings, factoryFlash } from "./factoryFlash.js";

export interface FlashRequest {
  /** Undefined only with `dryRun`. */
  readonly port: string | undefined;
  /** A build folder or a release; undefined when only a model is flashed. */
  readonly build: string | undefined;
  /** File or name of a board; found by the build's partitions unless given. */
  readonly board: string | undefined;
  readonly model: string | undefined;
  /** Undefined: the board gets neither an owner nor settings. */
  readonly settings: FirstSettings | undefined;
  readonly demands: BuildDemands;
  readonly baudRate: number;
  readonly erase: boolean;
  readonly resume: boolean;
  readonly dryRun: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly progress: (progress: WriteProgress) => void;
}

const MODEL_BYTES_MAX = 128 << 20;

/**
 * Puts firmware, a model and first settings on a board. Everything that can be said against it is said before the first
 * byte of its flash is changed. Rejects with an InputError.
 */
export async function flashBoard(request: FlashRequest): Promise<FlashReport> {
  const builds = request.build === undefined ? [] : await readBuildsOf(request.build);
  const board = await boardOf(request, builds);
  const model = request.model === undefined ? undefined : await readModel(request.model);
  // What is wrong with a single build needs no chip to be said.
  const [only] = builds;
  if (builds.length === 1 && only !== undefined) checkBuild(only, board, request.demands);
  if (request.port === undefined) {
    const build = builds.length === 0 ? undefined : buildForChip(builds, factsOf(board));
    return compose(request, board, build, model, undefined);
  }
  const { port, reset } = await findPort(request.port);
  const chip = await connectChip(port, { baudRate: request.baudRate, reset });
  try {
    checkChip(chip.facts, board, request.port);
    const build = builds.length === 0 ? undefined : buildForChip(builds, chip.facts);
    if (build === undefined) await checkChipTable(chip, board, request.port);
    return await compose(request, board, build, model, chip);
  } catch (error) {
    await chip.close().catch(() => undefined);
    throw error;
  }
}

async function readBuildsOf(path: string): Promise<FirmwareBuild[]> {
  const files = await openFileSet(path, "a build folder, or a release as a folder or a zip");
  try {
    return await readBuilds(files, nodeMd5);
  } finally {
    await files.close();
  }
}

async function readModel(path: string) {
  return { source: path, bytes: await readInput(path, "a packed model (.syn)", MODEL_BYTES_MAX) };
}

/** The chip that a board file promises, where none is asked. */
const factsOf = ({ chip, chipRevision: { major, minor }, flash }: Board): ChipFacts => ({
  name: chip,
  chipId: 18,
  revision: major * 100 + minor,
  flashBytes: flash.bytes,
  mac: "",
});

async function boardOf({ board, build }: FlashRequest, builds: readonly FirmwareBuild[]): Promise<Board> {
  if (board !== undefined) return findBoard(board);
  const known = await knownBoards();
  const [first] = builds;
  const alike = known.filter((each) => first && tableDifferences(first.table.entries, boardEntries(each)).length === 0);
  const meant = alike.length === 1 ? alike[0] : alike.find(({ id }) => id === first?.boardId);
  if (meant !== undefined) return meant;
  const ids = (alike.length > 1 ? alike : known).map(({ id }) => id).join(", ");
  const message =
    alike.length > 1 ? "its partitions are those of several boards" : "it does not say which board it is for";
  throw inputError(build ?? "--board", "BOARD_UNCLEAR", message, { expected: `--board with one of ${ids}, or a file` });
}

/** Before a model is put beside a firmware that is there: its partitions must be where we think. */
async function checkChipTable(chip: FlashChip, board: Board, source: string): Promise<void> {
  const entries = parseTable(await chip.read(TABLE_OFFSET, TABLE_BYTES), `flash of ${source}`, nodeMd5);
  const [first] = tableDifferences(entries, boardEntries(board));
  if (first === undefined) return;
  throw inputError(source, "TABLE_DIFFERS", `the chip's partitions are not those of ${board.id}: ${first}`, {
    expected: "the right --board, or a --build to be flashed with the model",
  });
}

async function compose(
  request: FlashRequest,
  board: Board,
  build: FirmwareBuild | undefined,
  model: { source: string; bytes: Uint8Array } | undefined,
  chip: FlashChip | undefined,
): Promise<FlashReport> {
  if (build !== undefined) checkBuild(build, board, request.demands);
  const own = build !== undefined && request.demands.ownTable ? boardWithTable(board, build.table.entries) : board;
  const factory =
    model === undefined && request.settings === undefined
      ? undefined
      : await factoryFlash(own, model, request.settings);
  const name = model?.source.split(/[\\/]/).at(-1) ?? "";
  const regions = composeFlash({ board: own, build, model: model && { name, bytes: model.bytes }, core: factory });
  const report: FlashReport = {
    dryRun: request.dryRun,
    port: request.port,
    chip: chip && { ...chip.facts, revision: revisionText(chip.facts.revision) },
    map: mapOf(own, regions),
    totalBytes: regions.reduce((sum, { bytes }) => sum + bytes.length, 0),
    erased: request.erase && !request.dryRun,
    writtenBytes: 0,
    keptBytes: 0,
    repetitions: 0,
    seconds: 0,
    tokenFile: undefined,
  };
  if (chip === undefined) return report;
  if (request.dryRun) {
    await chip.restart();
    return report;
  }
  return { ...report, ...(await write(request, chip, regions, factory)) };
}

async function write(request: FlashRequest, chip: FlashChip, regions: readonly FlashRegion[], factory?: FactoryFlash) {
  const { env, resume, erase, signal, progress, settings } = request;
  const state = new FlashState(env, chip.facts.mac);
  const earlier = resume ? await state.earlier() : [];
  let tokenFile: string | undefined;
  if (factory?.token !== undefined) {
    // Before the board knows it: an owner without a token would have to erase the board.
    const tokens = new TokenFile(env);
    await tokens.keep(chip.facts.mac, { token: factory.token, ...(settings?.name ? { name: settings.name } : {}) });
    tokenFile = tokens.path;
  }
  const start = performance.now();
  if (erase) await chip.eraseAll();
  const written = await writeFlash(chip, regions, {
    md5: nodeMd5,
    earlier,
    signal,
    progress,
    written: (piece) => state.add(piece),
  });
  const seconds = (performance.now() - start) / 1000;
  await state.clear();
  await chip.restart();
  return { ...written, seconds, tokenFile };
}

/** All places of the flash in the order of addresses. */
function mapOf(board: Board, regions: readonly FlashRegion[]): FlashMap {
  const places = [
    { name: "bootloader", offset: 0x2000, size: TABLE_OFFSET - 0x2000 },
    { name: "partitions", offset: TABLE_OFFSET, size: 0x1000 },
    ...board.partitions,
  ].sort((a, b) => a.offset - b.offset);
  return {
    board: board.name,
    flashBytes: board.flash.bytes,
    places: places.map(({ name, offset, size }) => {
      const here = regions.filter((region) => region.offset >= offset && region.offset < offset + size);
      return {
        name,
        offset,
        sizeBytes: size,
        usedBytes: here.reduce((sum, { bytes }) => sum + bytes.length, 0),
        holds: here.length === 0 ? undefined : here.map(({ holds }) => holds).join(", "),
      };
    }),
  };
}
