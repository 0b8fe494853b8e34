import { createHash } from "node:crypto";
import type { Partition } from "../../board/boardSchema.js";
import { hex } from "./bootLog.js";

export const TABLE_OFFSET = 0x8000;
export const TABLE_BYTES = 0xc00;
const ENTRY_BYTES = 32;
const ENTRY_MAGIC = 0x50aa;
const MD5_MAGIC = 0xebeb;
const APP = 0;

/** A row of the table as it stands in flash. */
export interface TableEntry {
  readonly label: string;
  readonly type: number;
  readonly subtype: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Thrown with the bootloader's own words. */
export class PartitionTableInvalid extends Error {}

/** Reads a partition table as ESP-IDF's bootloader does, with its MD5. Throws PartitionTableInvalid. */
export function parsePartitionTable(table: Uint8Array, flashBytes: number): TableEntry[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const entries: TableEntry[] = [];
  let sealed = false;
  for (let at = 0; at + ENTRY_BYTES <= TABLE_BYTES; at += ENTRY_BYTES) {
    const magic = view.getUint16(at, true);
    if (magic === ENTRY_MAGIC && !sealed) entries.push(entryAt(view, at, entries.length, flashBytes));
    else if (magic === MD5_MAGIC) {
      if (sealed) throw new PartitionTableInvalid("Only one MD5 checksum is allowed");
      const stored = table.subarray(at + 16, at + ENTRY_BYTES);
      const computed = createHash("md5").update(table.subarray(0, at)).digest();
      if (!computed.equals(stored)) throw new PartitionTableInvalid("Incorrect MD5 checksum");
      sealed = true;
    } else if (magic === 0xffff && table.subarray(at, at + ENTRY_BYTES).every((byte) => byte === 0xff) && sealed) {
      return entries;
    } else {
      throw new PartitionTableInvalid(`partition ${entries.length} invalid magic number 0x${hex(magic)}`);
    }
  }
  throw new PartitionTableInvalid("partition table has no terminating entry, not valid");
}

function entryAt(view: DataView, at: number, index: number, flashBytes: number): TableEntry {
  const [offset, bytes] = [view.getUint32(at + 4, true), view.getUint32(at + 8, true)];
  if (offset + bytes > flashBytes) {
    const where = `offset 0x${hex(offset)} size 0x${hex(bytes)}`;
    throw new PartitionTableInvalid(
      `partition ${index} invalid - ${where} exceeds flash chip size 0x${hex(flashBytes)}`,
    );
  }
  const label = new TextDecoder("latin1").decode(new Uint8Array(view.buffer, view.byteOffset + at + 12, 16));
  return {
    label: label.split("\0")[0] ?? "",
    type: view.getUint8(at + 2),
    subtype: view.getUint8(at + 3),
    offset,
    bytes,
  };
}

/** What the bootloader's list says that a partition is for. */
export function usageOf({ type, subtype }: TableEntry): string {
  if (type === APP)
    return subtype === 0 ? "factory app" : subtype >= 0x10 && subtype < 0x20 ? "OTA app" : "Unknown app";
  if (type !== 1) return "Unknown data";
  return { 0: "OTA data", 1: "RF data", 2: "WiFi data", 5: "Unused slots" }[subtype] ?? "Unknown data";
}

/** The names that board files have for the subtypes of ESP-IDF's own. */
const DATA_NAMES: Readonly<Record<number, string>> = { 0: "ota", 1: "phy", 2: "nvs", 3: "coredump", 4: "nvs_keys" };

/** The table as a board file would say it; partitions of neither kind are nobody's business here. */
export function boardPartitions(entries: readonly TableEntry[]): Partition[] {
  return entries.flatMap(({ label: name, type, subtype, offset, bytes: size }): Partition[] => {
    if (type === APP) {
      const known = subtype === 0 ? "factory" : subtype >= 0x10 && subtype < 0x20 ? `ota_${subtype - 0x10}` : subtype;
      return [{ name, type: "app", subtype: known, offset, size }];
    }
    return type === 1 ? [{ name, type: "data", subtype: DATA_NAMES[subtype] ?? subtype, offset, size }] : [];
  });
}
