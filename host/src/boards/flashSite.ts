import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { EngineError } from "synapse-engine/errors";
import { boardModule } from "synapse-sim";
import { type FileSet, openFileSet } from "../files/fileSet.js";
import { readInput } from "../files/readInput.js";
import { readBuilds } from "../flash/build.js";
import { checkBuild } from "../flash/checkBuild.js";
import { boardsOf } from "../flash/chooseBoard.js";
import { type FlashSite, type OfferedBuild, type OfferedModel, SITE_FILES } from "../flash/flashSite.js";
import { PACK_BYTES_MAX } from "../open/openModelFile.js";
import { readPack } from "../pack/readPack.js";
import { nodeMd5 } from "../serial/nodeMd5.js";
import { findBoard, knownBoards } from "./boards.js";

/** What scripts/bundle-flash-page.mjs makes; this file is two levels below the package, as source and compiled. */
const BUNDLES = new URL("../../dist/flashPage/files/", import.meta.url);

export interface FlashSiteRequest {
  /** Build folders and releases, as folders or zips. */
  readonly builds: readonly string[];
  readonly models: readonly string[];
  /** Board files beside those that are known. */
  readonly boards: readonly string[];
  readonly project: string;
}

/**
 * A page that flashes boards over Web Serial, with what it offers, as files of a static site by their paths. Rejects
 * with an InputError where a build or a model is not right: what the site offers can be flashed.
 */
export async function makeFlashSite(request: FlashSiteRequest): Promise<ReadonlyMap<string, Uint8Array>> {
  const own = await Promise.all(request.boards.map(findBoard));
  const boards = [...own, ...(await knownBoards()).filter(({ id }) => own.every((board) => board.id !== id))];
  const files = new Map<string, Uint8Array>();
  for (const name of ["index.html", "flash.js", "style.css"]) files.set(name, await bundle(name));
  files.set(SITE_FILES.core, await readFile(boardModule()));
  const builds: OfferedBuild[] = [];
  for (const [i, path] of request.builds.entries()) {
    const folder = `builds/${i}/`;
    const read = await readBuildFiles(path, boards, request.project);
    for (const [name, bytes] of read) files.set(folder + name, bytes);
    builds.push({ name: basename(path), folder, files: [...read.keys()] });
  }
  const models: OfferedModel[] = [];
  for (const [i, path] of request.models.entries()) {
    const bytes = await readInput(path, "a packed model (.syn)", PACK_BYTES_MAX);
    readPack(bytes, path);
    const file = `models/${i}.syn`;
    files.set(file, bytes);
    models.push({ name: basename(path), file, bytes: bytes.length });
  }
  const site: FlashSite = { boards, builds, models };
  return files.set(SITE_FILES.manifest, new TextEncoder().encode(JSON.stringify(site)));
}

async function bundle(name: string): Promise<Uint8Array> {
  const path = new URL(name, BUNDLES);
  if (!existsSync(path)) throw new EngineError("BUILD_MISSING", `${path} does not exist; \`npm run build\` makes it`);
  return readFile(path);
}

/** The files that reading a build or a release reads, and no others of its folder. */
async function readBuildFiles(path: string, boards: FlashSite["boards"], project: string) {
  const files = await openFileSet(path, "a build folder, or a release as a folder or a zip");
  const read = new Map<string, Uint8Array>();
  const recording: FileSet = {
    source: files.source,
    names: (name) => files.names(name),
    read: async (name, what, bytesMax) => {
      const bytes = await files.read(name, what, bytesMax);
      read.set(name, bytes);
      return bytes;
    },
  };
  try {
    for (const build of await readBuilds(recording, nodeMd5)) {
      const [board] = boardsOf([build], boards);
      if (board !== undefined) checkBuild(build, board, { project, ownTable: false });
    }
    return read;
  } finally {
    await files.close();
  }
}
