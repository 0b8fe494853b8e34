import { InputError } from "synapse-engine/errors";
import type { Board } from "synapse-sim/boards";
import { inputError } from "../files/inputError.js";
import type { FlashMap, FlashReport } from "../report/flashReport.js";
import type { FirmwareBuild } from "./build.js";
import { type BuildDemands, buildForChip, type ChipFacts, checkBuild, checkChip } from "./checkBuild.js";
import type { FlashChip } from "./chip.js";
import { composeFlash, type FlashRegion } from "./composeFlash.js";
import { connectChip, type FlashPort } from "./espChip.js";
import { revisionText } from "./espImage.js";
import type { ResetMode } from "./esptool.js";
import {
  type FactoryFlash,
  type FactoryModel,
  type FirstSettings,
  factoryFlash,
  type StartFactoryBoard,
} from "./factoryFlash.js";
import type { Md5 } from "./md5.js";
import {
  boardEntries,
  boardWithTable,
  parseTable,
  TABLE_BYTES,
  TABLE_OFFSET,
  tableDifferences,
} from "./partitionTable.js";
import { type WriteProgress, type WrittenPiece, writeFlash } from "./writeFlash.js";

/** What is to be put on a board, read and ready. */
export interface FlashJob {
  /** Undefined only with `dryRun`. */
  readonly port: FlashPort | undefined;
  readonly reset: ResetMode | undefined;
  readonly board: Board;
  /** Those for this board; none when only a model is flashed. */
  readonly builds: readonly FirmwareBuild[];
  readonly model: FactoryModel | undefined;
  /** Undefined: the board gets neither an owner nor settings. */
  readonly settings: FirstSettings | undefined;
  readonly demands: BuildDemands;
  readonly baudRate: number;
  readonly erase: boolean;
  readonly resume: boolean;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly progress: (progress: WriteProgress) => void;
  /** Hears what is going to be written where, when everything has been checked and nothing changed. */
  readonly planned?: (plan: FlashReport) => void;
}

/** How far a transfer to one chip has come, kept from one run to the next. */
export interface TransferState {
  earlier(): Promise<readonly WrittenPiece[]>;
  add(piece: WrittenPiece): Promise<void>;
  clear(): Promise<void>;
}

/** What Node and a browser each have in their own way. */
export interface FlashTools {
  readonly md5: Md5;
  readonly startBoard: StartFactoryBoard;
  readonly transferOf: (mac: string) => TransferState;
  /** Keeps an owner's token before the board knows it. Answers where, in words. */
  readonly keepToken: (mac: string, token: { readonly token: string; readonly name?: string }) => Promise<string>;
}

/** Connects, checks, and writes. Rejects with an InputError; before anything of the flash is changed where it can. */
export async function runFlashJob(job: FlashJob, tools: FlashTools): Promise<FlashReport> {
  const { board, builds, port } = job;
  if (port === undefined) {
    const build = builds.length === 0 ? undefined : buildForChip(builds, factsOf(board));
    return compose(job, tools, build, undefined);
  }
  const chip = await connectChip(port, { baudRate: job.baudRate, reset: job.reset ?? "default_reset" });
  try {
    checkChip(chip.facts, board, port.name);
    const build = builds.length === 0 ? undefined : buildForChip(builds, chip.facts);
    if (build?.simulatedOnly === true) checkSimulated(chip.facts, port.name);
    if (build === undefined) await checkChipTable(chip, board, port.name, tools.md5);
    return await compose(job, tools, build, chip);
  } catch (error) {
    await chip.close().catch(() => undefined);
    throw error;
  }
}

function checkSimulated(facts: ChipFacts, source: string): void {
  // An address that is given out locally: no chip leaves the factory with one.
  if ((Number.parseInt(facts.mac.slice(0, 2), 16) & 2) !== 0) return;
  throw inputError(source, "BUILD_NEEDED", "this is no simulated chip, and there is no firmware to write", {
    expected: "--build with the folder of `idf.py build`, or --model-only beside a firmware that is there",
  });
}

/** The chip that a board file promises, where none is asked. */
const factsOf = ({ chip, chipRevision: { major, minor }, flash }: Board): ChipFacts => ({
  name: chip,
  chipId: 18,
  revision: major * 100 + minor,
  flashBytes: flash.bytes,
  mac: "",
});

/** Before a model is put beside a firmware that is there: its partitions must be where we think. */
async function checkChipTable(chip: FlashChip, board: Board, source: string, md5: Md5): Promise<void> {
  const entries = parseTable(await chip.read(TABLE_OFFSET, TABLE_BYTES), `flash of ${source}`, md5);
  const [first] = tableDifferences(entries, boardEntries(board));
  if (first === undefined) return;
  throw inputError(source, "TABLE_DIFFERS", `the chip's partitions are not those of ${board.id}: ${first}`, {
    expected: "the right --board, or a --build to be flashed with the model",
  });
}

async function compose(
  job: FlashJob,
  tools: FlashTools,
  build: FirmwareBuild | undefined,
  chip: FlashChip | undefined,
): Promise<FlashReport> {
  const { board, model, settings, demands, dryRun } = job;
  if (build !== undefined) checkBuild(build, board, demands);
  const own = build !== undefined && demands.ownTable ? boardWithTable(board, build.table.entries) : board;
  const factory =
    model === undefined && settings === undefined
      ? undefined
      : await factoryFlash(tools.startBoard, own, model, settings);
  const name = model?.source.split(/[\\/]/).at(-1) ?? "";
  const regions = composeFlash({ board: own, build, model: model && { name, bytes: model.bytes }, core: factory });
  const report: FlashReport = {
    dryRun,
    port: job.port?.name,
    chip: chip && { ...chip.facts, revision: revisionText(chip.facts.revision) },
    map: mapOf(own, regions),
    totalBytes: regions.reduce((sum, { bytes }) => sum + bytes.length, 0),
    erased: job.erase && !dryRun,
    writtenBytes: 0,
    keptBytes: 0,
    repetitions: 0,
    seconds: 0,
    tokenFile: undefined,
    url: chip === undefined || settings?.wifi_ssid === undefined ? undefined : boardUrl(chip.facts.mac),
    warnings: [],
  };
  job.planned?.(report);
  if (chip === undefined) return report;
  if (dryRun) {
    await chip.restart();
    return report;
  }
  return { ...report, ...(await write(job, tools, chip, regions, factory)) };
}

async function write(
  job: FlashJob,
  tools: FlashTools,
  chip: FlashChip,
  regions: readonly FlashRegion[],
  factory?: FactoryFlash,
) {
  const { resume, erase, signal, progress, settings } = job;
  const state = tools.transferOf(chip.facts.mac);
  const earlier = resume ? await state.earlier() : [];
  let tokenFile: string | undefined;
  if (factory?.token !== undefined) {
    // Before the board knows it: an owner without a token would have to erase the board.
    const token = { token: factory.token, ...(settings?.name ? { name: settings.name } : {}) };
    tokenFile = await tools.keepToken(chip.facts.mac, token);
  }
  const warnings: string[] = [];
  const keep = async (piece: WrittenPiece) => {
    if (warnings.length > 0) return;
    try {
      await state.add(piece);
    } catch (error) {
      // A disk without space must not leave a board half-written.
      if (!(error instanceof InputError)) throw error;
      warnings.push(`${error.message}; an interrupted transfer could not have been resumed`);
    }
  };
  const start = performance.now();
  if (erase) await chip.eraseAll();
  const written = await writeFlash(chip, regions, {
    md5: tools.md5,
    earlier,
    signal,
    progress,
    written: keep,
  });
  const seconds = (performance.now() - start) / 1000;
  await state.clear();
  await chip.restart();
  return { ...written, seconds, tokenFile, warnings };
}

/** The firmware calls itself by the end of its chip's address. */
const boardUrl = (mac: string): string => `http://synapse-${mac.replaceAll(":", "").slice(-6)}.local`;

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
