import type { Board, Partition } from "synapse-sim/boards";
import { inputError, quote } from "../files/inputError.js";
import type { Md5 } from "./md5.js";

/** One partition as the table in flash has it. */
export interface TableEntry {
  readonly name: string;
  /** 0 is an application, 1 data. */
  readonly type: number;
  readonly subtype: number;
  readonly offset: number;
  readonly size: number;
  readonly flags: number;
}

export const TABLE_OFFSET = 0x8000;
/** The table's sector holds 95 entries and a row with their MD5; what is behind belongs to signatures. */
export const TABLE_BYTES = 0xc00;

const ROW_BYTES = 32;
const ENTRY_MAGIC = 0x50aa;
const MD5_MAGIC = 0xebeb;
const NAME_BYTES = 16;

const TYPES: Readonly<Record<Partition["type"], number>> = { app: 0, data: 1 };
const APP_SUBTYPES: Readonly<Record<string, number>> = { factory: 0x00, test: 0x20 };
const OTA_SUBTYPE = 0x10;
const DATA_SUBTYPES: Readonly<Record<string, number>> = {
  ota: 0x00,
  phy: 0x01,
  nvs: 0x02,
  coredump: 0x03,
  nvs_keys: 0x04,
  efuse: 0x05,
  undefined: 0x06,
  fat: 0x81,
  spiffs: 0x82,
  littlefs: 0x83,
};

/** The partitions of a board file as its table has them. Throws an InputError `BOARD_SUBTYPE`. */
export function boardEntries(board: Board): TableEntry[] {
  return board.partitions.map(({ name, type, subtype, offset, size }) => ({
    name,
    type: TYPES[type],
    subtype: typeof subtype === "number" ? subtype : subtypeNumber(board, type, subtype),
    offset,
    size,
    flags: 0,
  }));
}

function subtypeNumber(board: Board, type: Partition["type"], subtype: string): number {
  const slot = type === "app" ? /^ota_(\d|1[0-5])$/.exec(subtype) : null;
  const known = slot ? OTA_SUBTYPE + Number(slot[1]) : (type === "app" ? APP_SUBTYPES : DATA_SUBTYPES)[subtype];
  if (known !== undefined) return known;
  throw inputError(board.id, "BOARD_SUBTYPE", `ESP-IDF knows no subtype ${quote(subtype)} of type ${type}`, {
    where: "partitions",
    expected: "one of its names, or a number",
  });
}

/** A board whose partitions are those of a table. */
export function boardWithTable(board: Board, entries: readonly TableEntry[]): Board {
  const partitions = entries.map(({ name, type, subtype, offset, size }): Partition => {
    const kind = type === TYPES.app ? "app" : "data";
    return { name, type: kind, subtype: subtypeName(kind, subtype), offset, size };
  });
  return { ...board, partitions };
}

function subtypeName(type: Partition["type"], subtype: number): Partition["subtype"] {
  if (type === "app" && subtype >= OTA_SUBTYPE && subtype < OTA_SUBTYPE + 16) return `ota_${subtype - OTA_SUBTYPE}`;
  const named = Object.entries(type === "app" ? APP_SUBTYPES : DATA_SUBTYPES).find(([, value]) => value === subtype);
  return named?.[0] ?? subtype;
}

/** The table as it lies in flash, `TABLE_BYTES` long. */
export function composeTable(entries: readonly TableEntry[], md5: Md5): Uint8Array {
  const table = new Uint8Array(TABLE_BYTES).fill(0xff);
  const view = new DataView(table.buffer);
  entries.forEach(({ name, type, subtype, offset, size, flags }, index) => {
    const at = index * ROW_BYTES;
    view.setUint16(at, ENTRY_MAGIC, true);
    view.setUint8(at + 2, type);
    view.setUint8(at + 3, subtype);
    view.setUint32(at + 4, offset, true);
    view.setUint32(at + 8, size, true);
    table.fill(0, at + 12, at + 12 + NAME_BYTES).set(new TextEncoder().encode(name).subarray(0, NAME_BYTES), at + 12);
    view.setUint32(at + 28, flags, true);
  });
  const end = entries.length * ROW_BYTES;
  view.setUint16(end, MD5_MAGIC, true);
  table.set(md5(table.subarray(0, end)), end + 16);
  return table;
}

/** Reads a table. Throws an InputError `TABLE_NOT_ONE`, `TABLE_ENTRY` or `TABLE_MD5`. */
export function parseTable(bytes: Uint8Array, source: string, md5: Md5): TableEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: TableEntry[] = [];
  for (let at = 0; at + ROW_BYTES <= Math.min(bytes.length, TABLE_BYTES); at += ROW_BYTES) {
    const magic = view.getUint16(at, true);
    if (magic === 0xffff && entries.length > 0) return entries;
    if (magic === MD5_MAGIC && entries.length > 0) {
      checkMd5(bytes, at, source, md5);
      continue;
    }
    if (magic !== ENTRY_MAGIC) {
      throw inputError(
        source,
        entries.length === 0 ? "TABLE_NOT_ONE" : "TABLE_ENTRY",
        entries.length === 0 ? "this is no partition table" : `row ${at / ROW_BYTES} is no entry`,
        { where: `byte ${at}`, expected: "partition-table.bin of idf.py build" },
      );
    }
    const name = bytes.subarray(at + 12, at + 12 + NAME_BYTES);
    const end = name.indexOf(0);
    entries.push({
      name: new TextDecoder().decode(end < 0 ? name : name.subarray(0, end)),
      type: view.getUint8(at + 2),
      subtype: view.getUint8(at + 3),
      offset: view.getUint32(at + 4, true),
      size: view.getUint32(at + 8, true),
      flags: view.getUint32(at + 28, true),
    });
  }
  if (entries.length > 0) return entries;
  throw inputError(source, "TABLE_NOT_ONE", "this is no partition table", {
    expected: "partition-table.bin of idf.py build",
  });
}

function checkMd5(bytes: Uint8Array, at: number, source: string, md5: Md5): void {
  const digest = md5(bytes.subarray(0, at));
  if (digest.every((byte, i) => byte === bytes[at + 16 + i])) return;
  throw inputError(source, "TABLE_MD5", "the MD5 of its entries is another: the file is damaged", {
    where: `byte ${at + 16}`,
    expected: "the file as idf.py build has left it: build or copy it again",
  });
}

/** How a build's table differs from a board's, one sentence a partition; empty when they are the same. */
export function tableDifferences(build: readonly TableEntry[], board: readonly TableEntry[]): string[] {
  const names = [...new Set([...board, ...build].map(({ name }) => name))];
  return names.flatMap((name) => {
    const ours = board.find((entry) => entry.name === name);
    const theirs = build.find((entry) => entry.name === name);
    if (theirs === undefined) return [`it has no partition "${name}"`];
    if (ours === undefined) return [`the board has no partition "${name}"`];
    if (placeOf(ours) === placeOf(theirs)) return [];
    return [`"${name}" is ${placeOf(theirs)} and the board's ${placeOf(ours)}`];
  });
}

const hex = (value: number): string => `0x${value.toString(16)}`;
const placeOf = ({ type, subtype, offset, size }: TableEntry): string =>
  `${hex(size)} bytes at ${hex(offset)} (type ${type}, subtype ${hex(subtype)})`;
