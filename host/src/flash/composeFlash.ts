import { type Board, flashAreas } from "synapse-sim/boards";
import { inputError } from "../files/inputError.js";
import type { FirmwareBuild } from "./build.js";
import { composeOtadata } from "./otadata.js";

/** Bytes that belong at one place of the flash. */
export interface FlashRegion {
  readonly name: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** In words, for people. */
  readonly holds: string;
}

/** What the device core has written into its partitions. */
export interface CoreAreas {
  readonly records: Uint8Array;
  /** Undefined: the board keeps those that it has. */
  readonly settings: Uint8Array | undefined;
}

export interface FlashContents {
  /** With the partitions that the flash has. */
  readonly board: Board;
  readonly build: FirmwareBuild | undefined;
  readonly model: { readonly name: string; readonly bytes: Uint8Array } | undefined;
  readonly core: CoreAreas | undefined;
}

/**
 * All regions in the order in which they are written: what the firmware finds first, then the application, and the
 * bootloader last, so that a transfer which is cut short leaves a board that starts as before or waits for the rest.
 * Throws an InputError `BOARD_NOT_UPDATABLE` or `BUILD_OVERLAPS`.
 */
export function composeFlash({ board, build, model, core }: FlashContents): FlashRegion[] {
  const areas = flashAreas(board);
  const offsetOf = (area: Parameters<typeof areas.get>[0]): number => {
    const partition = areas.get(area);
    if (partition !== undefined) return partition.offset;
    throw inputError(board.id, "BOARD_NOT_UPDATABLE", `the board has no partition for ${area}`, {
      where: "partitions",
      expected: "partitions ota_0, ota_1 and otadata",
    });
  };
  const regions: FlashRegion[] = [];
  const add = (name: string, offset: number, bytes: Uint8Array, holds: string) =>
    regions.push({ name, offset, bytes, holds });
  if (model) add("model_a", offsetOf("model_a"), model.bytes, model.name);
  if (core) add("slots", offsetOf("records"), core.records, "which model is active");
  if (core?.settings) add("settings", offsetOf("settings"), core.settings, "settings");
  for (const { offset, bytes, source } of build?.others ?? []) add("build's own", offset, bytes, fileName(source));
  if (build) {
    const { project, version } = build.app.image.app ?? { project: "", version: "" };
    add("ota_0", build.app.offset, build.app.bytes, `${project} ${version}`);
    add("otadata", offsetOf("otadata"), composeOtadata(0), "ota_0 starts");
    add("partitions", build.table.offset, build.table.bytes, `${build.table.entries.length} partitions`);
    add("bootloader", build.bootloader.offset, build.bootloader.bytes, "bootloader");
  }
  checkApart(regions, build?.source ?? board.id);
  return regions;
}

function checkApart(regions: readonly FlashRegion[], source: string): void {
  const sorted = [...regions].sort((a, b) => a.offset - b.offset);
  sorted.forEach((region, index) => {
    const before = sorted[index - 1];
    if (before === undefined || before.offset + before.bytes.length <= region.offset) return;
    throw inputError(source, "BUILD_OVERLAPS", `${before.holds} runs into ${region.holds}`, {
      where: `0x${region.offset.toString(16)}`,
      expected: "files that lie apart in flash",
    });
  });
}

const fileName = (path: string): string => path.split("/").at(-1) ?? path;
