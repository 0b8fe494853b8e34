import { makeAppImage } from "synapse-sim/app-image";
import type { Board } from "synapse-sim/boards";
import { type FirmwareBuild, readBuilds } from "../flash/build.js";
import type { Md5 } from "../flash/md5.js";
import { boardEntries, composeTable } from "../flash/partitionTable.js";

const SOURCE = "stand-in";
/** Silicon that an image of a family starts on, as ESP-IDF writes it into images. */
const REVISIONS = { v1: { revisionMin: 0, revisionMax: 199 }, v3: { revisionMin: 301, revisionMax: 399 } };

/**
 * A build for a simulated chip, which runs its own device core in place of an image's machine code: right in every
 * respect, with nothing in it to run.
 */
export async function standInBuild(board: Board, version: string, md5: Md5): Promise<FirmwareBuild> {
  const silicon = REVISIONS[board.chipRevision.major < 3 ? "v1" : "v3"];
  const entries = boardEntries(board);
  const app = entries.find(({ type }) => type === 0)?.offset ?? 0;
  const part = (offset: number, file: string) => ({ offset: `0x${offset.toString(16)}`, file });
  const parts = {
    bootloader: part(0x2000, "bootloader.bin"),
    app: part(app, "synapse.bin"),
    "partition-table": part(0x8000, "partition-table.bin"),
  };
  const flasher = { flash_files: {}, ...parts, extra_esptool_args: { chip: "esp32p4" } };
  const files = new Map<string, Uint8Array>([
    ["flasher_args.json", new TextEncoder().encode(JSON.stringify(flasher))],
    [parts.bootloader.file, makeAppImage({ ...silicon, version, payloadBytes: 20_000 })],
    [parts.app.file, makeAppImage({ ...silicon, version })],
    [parts["partition-table"].file, composeTable(entries, md5)],
  ]);
  const set = {
    source: SOURCE,
    names: (name: string) => Promise.resolve([...files.keys()].filter((each) => each === name)),
    read: (name: string) => Promise.resolve(files.get(name) as Uint8Array),
    close: () => Promise.resolve(),
  };
  const [build] = await readBuilds(set, md5);
  return { ...(build as FirmwareBuild), simulatedOnly: true };
}
