import { SimulatedBoard } from "synapse-sim";
import type { Board } from "synapse-sim/boards";
import { openFileSet } from "../files/fileSet.js";
import { readInput } from "../files/readInput.js";
import { VERSION } from "../files/version.js";
import { type FirmwareBuild, readBuilds } from "../flash/build.js";
import { type BuildDemands, checkBuild } from "../flash/checkBuild.js";
import { buildsForBoard, chooseBoard } from "../flash/chooseBoard.js";
import type { FactoryModel, FirstSettings } from "../flash/factoryFlash.js";
import { type FlashTools, runFlashJob } from "../flash/flashJob.js";
import type { WriteProgress } from "../flash/writeFlash.js";
import { PACK_BYTES_MAX } from "../open/openModelFile.js";
import { FlashState } from "../owner/flashState.js";
import { TokenFile } from "../owner/tokens.js";
import { readPack } from "../pack/readPack.js";
import type { FlashReport } from "../report/flashReport.js";
import { nodeMd5 } from "../serial/nodeMd5.js";
import { findPort } from "../serial/openPort.js";
import { findBoard, knownBoards } from "./boards.js";
import { standInBuild } from "./standInBuild.js";

export interface FlashRequest {
  /** Undefined only with `dryRun`. */
  readonly port: string | undefined;
  /** A build folder or a release; undefined when only a model is flashed. */
  readonly build: string | undefined;
  /** The port is a simulated chip's, which takes a firmware that holds nothing to run where `build` names none. */
  readonly standIn: boolean;
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

/**
 * Puts firmware, model and first settings on a board. Everything that can be said against it is said before the first
 * byte of its flash is changed. Rejects with an InputError.
 */
export async function flashBoard(request: FlashRequest): Promise<FlashReport> {
  const given = request.build === undefined ? [] : await readBuildsOf(request.build);
  const board = await boardOf(request, given);
  const builds = request.standIn
    ? [await standInBuild(board, `${VERSION}-simulated`, nodeMd5)]
    : buildsForBoard(given, board, request.demands, request.build ?? "--build");
  const model = request.model === undefined ? undefined : await readModel(request.model);
  // What is wrong with a single build needs no chip to be said.
  const [only] = builds;
  if (builds.length === 1 && only !== undefined) checkBuild(only, board, request.demands);
  const found = request.port === undefined ? undefined : await findPort(request.port);
  return runFlashJob({ ...request, board, builds, model, port: found?.port, reset: found?.reset }, nodeTools(request));
}

async function readBuildsOf(path: string): Promise<FirmwareBuild[]> {
  const files = await openFileSet(path, "a build folder, or a release as a folder or a zip");
  try {
    return await readBuilds(files, nodeMd5);
  } finally {
    await files.close();
  }
}

async function readModel(path: string): Promise<FactoryModel> {
  const bytes = await readInput(path, "a packed model (.syn)", PACK_BYTES_MAX);
  // What the board would say of a file that is none is less.
  readPack(bytes, path);
  return { source: path, bytes };
}

async function boardOf({ board, build }: FlashRequest, builds: readonly FirmwareBuild[]): Promise<Board> {
  return board === undefined ? chooseBoard(builds, await knownBoards(), build ?? "--board") : findBoard(board);
}

function nodeTools({ env }: FlashRequest): FlashTools {
  const tokens = new TokenFile(env);
  return {
    md5: nodeMd5,
    startBoard: (options) => SimulatedBoard.create({ ...options, engine: "wasm" }),
    transferOf: (mac) => new FlashState(env, mac),
    keepToken: async (mac, token) => {
      await tokens.keep(mac, token);
      return tokens.path;
    },
  };
}
