import { createHash } from "node:crypto";
import type { Board, Partition } from "../board/boardSchema.js";

const TABLE_OFFSET = 0x8000;
const TABLE_BYTES = 0xc00;
const ENTRY_BYTES = 32;
const SUBTYPES: Readonly<Record<string, number>> = { ota: 0, phy: 1, nvs: 2, factory: 0, ota_0: 0x10, ota_1: 0x11 };

function entryOf(partition: Partition): Buffer {
  const entry = Buffer.alloc(ENTRY_BYTES);
  const { subtype } = partition;
  entry.set([
    0xaa,
    0x50,
    partition.type === "app" ? 0 : 1,
    typeof subtype === "number" ? subtype : (SUBTYPES[subtype] ?? 0),
  ]);
  entry.writeUInt32LE(partition.offset, 4);
  entry.writeUInt32LE(partition.size, 8);
  entry.write(partition.name, 12, 16, "latin1");
  return entry;
}

/** The partition table of a board file as the bootloader reads it. */
function partitionTable(board: Pick<Board, "partitions">): Buffer {
  const entries = Buffer.concat(board.partitions.map(entryOf));
  const digest = Buffer.alloc(ENTRY_BYTES, 0xff);
  digest.set([0xeb, 0xeb]);
  digest.set(createHash("md5").update(entries).digest(), 16);
  const table = Buffer.alloc(TABLE_BYTES, 0xff);
  table.set(entries);
  table.set(digest, entries.length);
  return table;
}

/** A board's whole flash as it comes from the factory: its partition table, and a model in the first slot, or in the
 * partition that an application of its own has for it. */
export function flashImage(
  board: Pick<Board, "flash" | "partitions">,
  model: Uint8Array,
  partition = "model_a",
): Uint8Array {
  const flash = Buffer.alloc(board.flash.bytes, 0xff);
  flash.set(partitionTable(board), TABLE_OFFSET);
  const slot = board.partitions.find(({ name }) => name === partition);
  if (slot !== undefined) flash.set(model, slot.offset);
  return flash;
}
