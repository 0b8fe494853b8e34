import { bytesInFull } from "synapse-engine/bytesText";
import type { Board } from "synapse-sim/boards";
import { inputError, quote } from "../files/inputError.js";
import type { FirmwareBuild } from "./build.js";
import { ESP32_P4_CHIP_ID, type EspImage, revisionText } from "./espImage.js";
import { boardEntries, TABLE_OFFSET, type TableEntry, tableDifferences } from "./partitionTable.js";

/** What a chip says of itself before anything of it is changed. */
export interface ChipFacts {
  /** `ESP32-P4`, or what else it is. */
  readonly name: string;
  readonly chipId: number;
  /** major * 100 + minor. */
  readonly revision: number;
  readonly flashBytes: number;
  /** `30:ed:a0:12:34:56`. */
  readonly mac: string;
}

/** Where the chip's own loader looks for the bootloader. */
export const BOOTLOADER_OFFSET = 0x2000;
/** Silicon of both families does not run the other's builds. */
const FAMILY_BORDER = 300;

/** The chip that a board needs, whatever is flashed. Throws an InputError `CHIP_OTHER` or `CHIP_FLASH_TOO_SMALL`. */
export function checkChip(chip: ChipFacts, board: Board, source: string): void {
  if (chip.chipId !== ESP32_P4_CHIP_ID) {
    throw inputError(source, "CHIP_OTHER", `the chip there is an ${chip.name}`, {
      expected: "an ESP32-P4: `synapse-host ports --probe` says what is on which port",
    });
  }
  if (chip.flashBytes < board.flash.bytes) {
    throw inputError(source, "CHIP_FLASH_TOO_SMALL", `the chip has ${bytesInFull(chip.flashBytes)} of flash`, {
      expected: `the ${bytesInFull(board.flash.bytes)} of ${board.name}: another board may be meant by --board`,
    });
  }
}

/** Of several builds the one that runs on a chip. Throws an InputError `CHIP_REVISION` that says which would. */
export function buildForChip(builds: readonly FirmwareBuild[], chip: ChipFacts): FirmwareBuild {
  const found = builds.find(({ app, bootloader }) => runsOn(app.image, chip) && runsOn(bootloader.image, chip));
  const first = builds[0];
  if (found !== undefined || first === undefined) return found as FirmwareBuild;
  const wrong = [first.app, first.bootloader].find(({ image }) => !runsOn(image, chip)) ?? first.app;
  const { revisionMin, revisionMax } = wrong.image;
  const built = builds.length > 1 ? `none of its ${builds.length} builds does` : rangeText(revisionMin, revisionMax);
  const message = `the chip is silicon ${revisionText(chip.revision)}, and ${built}`;
  throw inputError(wrong.source, "CHIP_REVISION", message, {
    where: "bytes 15 to 18",
    expected: wanted(chip.revision),
  });
}

const rangeText = (min: number, max: number): string =>
  `this build runs on ${revisionText(min)} to ${revisionText(max)} only`;

/** Which build a chip needs, in words. */
function wanted(revision: number): string {
  return revision < FAMILY_BORDER
    ? "a build for silicon below v3: CONFIG_ESP32P4_SELECTS_REV_LESS_V3=y in its sdkconfig"
    : "a build for silicon v3: CONFIG_ESP32P4_SELECTS_REV_LESS_V3=n and a minimum revision of at most the chip's";
}

const runsOn = ({ revisionMin, revisionMax }: EspImage, { revision }: ChipFacts): boolean =>
  revisionMin <= revision && revision <= revisionMax;

export interface BuildDemands {
  /** The project's name that an application must have. */
  readonly project: string;
  /** Whether the build's own partitions are wanted where they differ from the board's. */
  readonly ownTable: boolean;
}

/**
 * All that can be said of a build without a chip. Throws an InputError: `IMAGE_OTHER_CHIP`, `BUILD_OTHER_PROJECT`,
 * `BUILD_PLACE`, `TABLE_DIFFERS`, `IMAGE_TOO_LARGE` or `TABLE_NO_APP`.
 */
export function checkBuild(build: FirmwareBuild, board: Board, { project, ownTable }: BuildDemands): void {
  for (const { image, source } of [build.bootloader, build.app]) checkImageChip(image, source);
  const name = build.app.image.app?.project ?? "";
  if (name !== project) {
    throw inputError(build.app.source, "BUILD_OTHER_PROJECT", `this is the application of project ${quote(name)}`, {
      where: "byte 80",
      expected: `${quote(project)}; --project ${name === "" ? "<name>" : name} takes it all the same`,
    });
  }
  checkPlaces(build);
  const differences = tableDifferences(build.table.entries, boardEntries(board));
  if (differences.length > 0 && !ownTable) {
    const more = differences.length > 1 ? ` (and ${differences.length - 1} more)` : "";
    throw inputError(build.table.source, "TABLE_DIFFERS", `${differences[0]}${more}`, {
      expected: `the partitions of ${board.id}: build for that board, name the right --board, or give --own-table`,
    });
  }
  checkAppSize(build);
}

function checkImageChip(image: EspImage, source: string): void {
  if (image.chipId === ESP32_P4_CHIP_ID) return;
  throw inputError(source, "IMAGE_OTHER_CHIP", `this is an image for chip ${image.chipId}`, {
    where: "byte 12",
    expected: `${ESP32_P4_CHIP_ID}, the ESP32-P4: \`idf.py set-target esp32p4\``,
  });
}

function checkPlaces(build: FirmwareBuild): void {
  const { bootloader, table } = build;
  for (const [file, offset, what] of [
    [bootloader, BOOTLOADER_OFFSET, "the bootloader"],
    [table, TABLE_OFFSET, "the partition table"],
  ] as const) {
    if (file.offset === offset) continue;
    throw inputError(file.source, "BUILD_PLACE", `the build puts ${what} at 0x${file.offset.toString(16)}`, {
      expected: `0x${offset.toString(16)}, where an ESP32-P4 of this project has it`,
    });
  }
  const room = TABLE_OFFSET - BOOTLOADER_OFFSET;
  if (bootloader.bytes.length > room) throw tooLarge(bootloader, "its place below the partition table", room);
}

function checkAppSize({ app, table }: FirmwareBuild): void {
  const partition = appPartition(table.entries);
  if (partition === undefined || partition.offset !== app.offset) {
    throw inputError(table.source, "TABLE_NO_APP", `no application starts at 0x${app.offset.toString(16)}`, {
      expected: "a partition ota_0 there, as flasher_args.json says",
    });
  }
  if (app.bytes.length > partition.size) throw tooLarge(app, `partition "${partition.name}"`, partition.size);
}

/** The partition of the first application, which is the one that is flashed. */
export function appPartition(entries: readonly TableEntry[]): TableEntry | undefined {
  return entries.find(({ type, subtype }) => type === 0 && subtype === 0x10);
}

function tooLarge(file: { source: string; bytes: Uint8Array }, place: string, room: number): Error {
  return inputError(
    file.source,
    "IMAGE_TOO_LARGE",
    `it has ${bytesInFull(file.bytes.length)}, and ${place} ${bytesInFull(room)}: ${file.bytes.length - room} too many`,
    { expected: "a smaller build: CONFIG_COMPILER_OPTIMIZATION_SIZE=y, or fewer components" },
  );
}
