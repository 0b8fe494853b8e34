import { z } from "zod";
import type { FileSet } from "../files/fileSet.js";
import { inputError } from "../files/inputError.js";
import { schemaError } from "../files/schemaError.js";
import { parseJsonObject } from "../files/strictJson.js";
import { type EspImage, readEspImage } from "./espImage.js";
import type { Md5 } from "./md5.js";
import { parseTable, TABLE_BYTES, type TableEntry } from "./partitionTable.js";

/** One file of a build, and where in flash it belongs. */
export interface BuildFile {
  /** For errors: the set and the file in it. */
  readonly source: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What one `idf.py build` has left for one board. */
export interface FirmwareBuild {
  readonly source: string;
  readonly bootloader: BuildFile & { readonly image: EspImage };
  readonly table: BuildFile & { readonly entries: readonly TableEntry[] };
  readonly app: BuildFile & { readonly image: EspImage };
  /** Further files that the build wants in flash, such as file systems of its own. */
  readonly others: readonly BuildFile[];
  /** The board that it was configured for, where the build says so. */
  readonly boardId: string | undefined;
  /** It holds nothing to run: a simulated chip runs its own device core in its place. */
  readonly simulatedOnly?: boolean;
}

export const ARGUMENTS_FILE = "flasher_args.json";
/** What ESP-IDF leaves of a build's configuration. */
const CONFIGURATION_FILE = "config/sdkconfig.json";
const ARGUMENTS_BYTES_MAX = 1 << 20;
/** The most flash that an ESP32-P4 can have. */
const FLASH_BYTES_MAX = 128 << 20;

const place = z.string().regex(/^0x[0-9a-fA-F]{1,8}$/, "an address such as 0x2000");
const part = z.object({ offset: place, file: z.string().min(1) });
const argumentsSchema = z.object({
  flash_files: z.record(place, z.string().min(1)),
  bootloader: part,
  app: part,
  "partition-table": part,
  otadata: part.optional(),
  extra_esptool_args: z.object({ chip: z.string() }),
});
type Arguments = z.infer<typeof argumentsSchema>;

/**
 * Reads the builds of a folder: that of an ESP-IDF build folder, or those of a release, which has one folder a board
 * and silicon family. Rejects with an InputError `BUILD_MISSING`, `BUILD_ARGUMENTS*`, `BUILD_OTHER_CHIP`, or what
 * reading its images throws.
 */
export async function readBuilds(files: FileSet, md5: Md5): Promise<FirmwareBuild[]> {
  const found = await files.names(ARGUMENTS_FILE);
  // A build folder has others below it, of its bootloader for instance, which are not whole builds.
  const own = found.includes(ARGUMENTS_FILE) ? [ARGUMENTS_FILE] : found;
  if (own.length === 0) {
    throw inputError(files.source, "BUILD_MISSING", `there is no ${ARGUMENTS_FILE} in it`, {
      expected: "the build folder of `idf.py build`, or a release as a folder or a zip",
    });
  }
  const builds: FirmwareBuild[] = [];
  for (const path of own) builds.push(await readBuild(files, path.slice(0, -ARGUMENTS_FILE.length), md5));
  return builds;
}

async function readBuild(files: FileSet, folder: string, md5: Md5): Promise<FirmwareBuild> {
  const source = `${files.source}/${folder}${ARGUMENTS_FILE}`;
  const args = parseArguments(
    await files.read(`${folder}${ARGUMENTS_FILE}`, "flashing arguments", ARGUMENTS_BYTES_MAX),
    source,
  );
  // All of them lie in one flash: a list that names one large file again and again would fill the memory.
  let left = FLASH_BYTES_MAX;
  const read = async (offset: string, file: string, what: string): Promise<BuildFile> => {
    const bytes = await files.read(`${folder}${file}`, what, left);
    left -= bytes.length;
    return { source: `${files.source}/${folder}${file}`, offset: Number(offset), bytes };
  };
  const readPart = (named: { offset: string; file: string }, what: string) => read(named.offset, named.file, what);
  const bootloader = await readPart(args.bootloader, "a bootloader");
  const table = await readPart(args["partition-table"], "a partition table");
  const app = await readPart(args.app, "an application");
  const known = [args.bootloader, args["partition-table"], args.app, args.otadata].map((each) => each?.file);
  const others: BuildFile[] = [];
  for (const [offset, file] of Object.entries(args.flash_files))
    if (!known.includes(file)) others.push(await read(offset, file, "a file to be flashed"));
  return {
    source: folder === "" ? files.source : `${files.source}/${folder.slice(0, -1)}`,
    bootloader: { ...bootloader, image: await readEspImage(bootloader.bytes, bootloader.source) },
    table: { ...table, entries: parseTable(table.bytes.subarray(0, TABLE_BYTES), table.source, md5) },
    app: { ...app, image: await readApp(app) },
    others,
    boardId: await readBoardId(files, folder),
  };
}

async function readBoardId(files: FileSet, folder: string): Promise<string | undefined> {
  const path = `${folder}${CONFIGURATION_FILE}`;
  if (!(await files.names("sdkconfig.json")).includes(path)) return undefined;
  const bytes = await files.read(path, "a configuration", ARGUMENTS_BYTES_MAX);
  const { SYNAPSE_BOARD_ID: id } = parseJsonObject(bytes, `${files.source}/${path}`, "BUILD_CONFIGURATION");
  return typeof id === "string" ? id : undefined;
}

function parseArguments(bytes: Uint8Array, source: string): Arguments {
  const json = parseJsonObject(bytes, source, "BUILD_ARGUMENTS");
  const chip = (json.extra_esptool_args as { chip?: unknown } | undefined)?.chip;
  if (typeof chip === "string" && chip !== "esp32p4") {
    throw inputError(source, "BUILD_OTHER_CHIP", `this is a build for the ${chip}`, {
      where: "extra_esptool_args.chip",
      expected: "one for the esp32p4: `idf.py set-target esp32p4`, then `idf.py build`",
    });
  }
  const parsed = argumentsSchema.safeParse(json);
  if (!parsed.success) throw schemaError("BUILD_ARGUMENTS", parsed.error, source, "docs/flashing.md");
  return parsed.data;
}

async function readApp(app: BuildFile): Promise<EspImage> {
  const image = await readEspImage(app.bytes, app.source);
  if (image.app !== undefined) return image;
  throw inputError(app.source, "IMAGE_NO_APP", "the image does not describe an application", {
    where: "byte 32",
    expected: "an application of ESP-IDF 5 or 6",
  });
}
