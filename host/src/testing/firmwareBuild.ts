import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type AppImageOptions, makeAppImage } from "synapse-sim/app-image";
import type { Board } from "synapse-sim/boards";
import { boardEntries, composeTable, type TableEntry } from "../flash/partitionTable.js";
import { nodeMd5 } from "../serial/nodeMd5.js";

export interface FirmwareBuildOptions {
  readonly board: Board;
  /** The board's unless given. */
  readonly entries?: readonly TableEntry[];
  readonly app?: AppImageOptions;
  readonly chip?: string;
  /** A file of the project's own, for the partition nvs. */
  readonly nvs?: Uint8Array;
}

/** Silicon that the build of a family runs on, as ESP-IDF writes it into images. */
export const FAMILIES = {
  v1: { revisionMin: 0, revisionMax: 199 },
  v3: { revisionMin: 301, revisionMax: 399 },
} as const;

/** Leaves in `folder` what `idf.py build` leaves, with images that are right and hold nothing to run. */
export async function writeFirmwareBuild(folder: string, options: FirmwareBuildOptions): Promise<void> {
  const { board, app = {}, chip = "esp32p4" } = options;
  const entries = options.entries ?? boardEntries(board);
  const appOffset = `0x${(entries.find(({ type }) => type === 0)?.offset ?? 0).toString(16)}`;
  const part = (offset: string, file: string) => ({ offset, file, encrypted: "false" });
  const parts = {
    bootloader: part("0x2000", "bootloader/bootloader.bin"),
    app: part(appOffset, "synapse.bin"),
    "partition-table": part("0x8000", "partition_table/partition-table.bin"),
    otadata: part("0xf000", "ota_data_initial.bin"),
  };
  const arguments_ = {
    write_flash_args: ["--flash-mode", "dio", "--flash-size", "16MB", "--flash-freq", "80m"],
    flash_settings: { flash_mode: "dio", flash_size: "16MB", flash_freq: "80m" },
    flash_files: {
      ...Object.fromEntries(Object.values(parts).map(({ offset, file }) => [offset, file])),
      ...(options.nvs === undefined ? {} : { "0x9000": "nvs.bin" }),
    },
    ...parts,
    extra_esptool_args: { after: "hard_reset", before: "default_reset", stub: true, chip },
  };
  for (const name of ["bootloader", "partition_table", "config"]) await mkdir(join(folder, name), { recursive: true });
  const write = (name: string, bytes: Uint8Array | string) => writeFile(join(folder, name), bytes);
  await write("flasher_args.json", JSON.stringify(arguments_, undefined, 4));
  await write("config/sdkconfig.json", JSON.stringify({ IDF_TARGET: chip, SYNAPSE_BOARD_ID: board.id }));
  await write(parts.bootloader.file, makeAppImage({ ...app, payloadBytes: 20_000 }));
  await write(parts["partition-table"].file, composeTable(entries, nodeMd5));
  await write(parts.app.file, makeAppImage(app));
  if (options.nvs !== undefined) await write("nvs.bin", options.nvs);
  await write(parts.otadata.file, new Uint8Array(8192).fill(0xff));
}
