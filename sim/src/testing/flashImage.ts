import { createHash } from "node:crypto";
import { makeAppImage } from "../board/appImage.js";
import type { Board, Partition } from "../board/boardSchema.js";

const BOOTLOADER_OFFSET = 0x2000;
const TABLE_OFFSET = 0x8000;
const TABLE_BYTES = 0xc00;
const SECTOR_BYTES = 4_096;
const SUBTYPES: Readonly<Record<string, number>> = { ota: 0, phy: 1, nvs: 2, factory: 0, ota_0: 0x10, ota_1: 0x11 };

/** A partition table with its MD5, as gen_esp32part.py of ESP-IDF writes it. */
export function makePartitionTable(partitions: readonly Partition[]): Uint8Array {
  const table = Buffer.alloc(TABLE_BYTES, 0xff);
  partitions.forEach(({ name, type, subtype, offset, size }, i) => {
    const entry = table.subarray(32 * i, 32 * (i + 1)).fill(0);
    entry.set([0xaa, 0x50, type === "app" ? 0 : 1, typeof subtype === "number" ? subtype : (SUBTYPES[subtype] ?? 0)]);
    entry.writeUInt32LE(offset, 4);
    entry.writeUInt32LE(size, 8);
    entry.write(name, 12);
  });
  const end = 32 * partitions.length;
  table.set([0xeb, 0xeb], end);
  table.set(createHash("md5").update(table.subarray(0, end)).digest(), end + 16);
  return table;
}

/** One of the two records of which application starts, with a sector of its own; state 2 is that of a confirmed one. */
export function makeOtaRecord(sequence: number, state = 2): Uint8Array {
  const record = Buffer.alloc(SECTOR_BYTES, 0xff);
  record.writeUInt32LE(sequence, 0);
  record.writeUInt32LE(state, 24);
  let crc = 0;
  for (const byte of record.subarray(0, 4)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  }
  record.writeUInt32LE(~crc >>> 0, 28);
  return record;
}

export interface FlashContents {
  /** By the names of partitions, what is at their beginning. */
  readonly partitions: Readonly<Record<string, Uint8Array>>;
  /** The board's unless given. */
  readonly table?: Uint8Array;
  readonly bootloader?: Uint8Array;
}

/** What somebody flashes: the pieces of an image and where they go. */
export function flashPieces(board: Board, contents: FlashContents): { offset: number; data: Uint8Array }[] {
  const [low, high] = board.chipRevision.major < 3 ? [0, 199] : [300, 399];
  const bootloader = makeAppImage({ project: "bootloader", revisionMin: low, revisionMax: high, payloadBytes: 8_000 });
  return [
    { offset: BOOTLOADER_OFFSET, data: contents.bootloader ?? bootloader },
    { offset: TABLE_OFFSET, data: contents.table ?? makePartitionTable(board.partitions) },
    ...board.partitions.flatMap(({ name, offset }) => {
      const data = contents.partitions[name];
      return data === undefined ? [] : [{ offset, data }];
    }),
  ];
}

/** The whole flash with these pieces in it. */
export function makeFlash(board: Board, contents: FlashContents): Uint8Array {
  const flash = new Uint8Array(board.flash.bytes).fill(0xff);
  for (const { offset, data } of flashPieces(board, contents)) flash.set(data, offset);
  return flash;
}
