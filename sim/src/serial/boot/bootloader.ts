import type { Partition } from "../../board/boardSchema.js";
import type { NorFlash } from "../chip/norFlash.js";
import type { Silicon } from "../chip/silicon.js";
import { type AppImage, checkImage, ImageInvalid } from "./appImage.js";
import { type BootLog, hex } from "./bootLog.js";
import { otaOrder } from "./otaData.js";
import {
  boardPartitions,
  PartitionTableInvalid,
  parsePartitionTable,
  TABLE_BYTES,
  TABLE_OFFSET,
  type TableEntry,
  usageOf,
} from "./partitionTable.js";

const BOOTLOADER_OFFSET = 0x2000;
const OTADATA_SUBTYPE = 0;
const FACTORY_SUBTYPE = 0;
const OTA_SUBTYPE = 0x10;
const OTA_SLOTS_MAX = 16;

/** What a start from flash has come to. */
export interface BootedApp {
  readonly partitions: Partition[];
  readonly image: AppImage;
}

/**
 * What the ROM and ESP-IDF's second-stage bootloader make of a flash: they say what they find, in their own words, and
 * give the application that starts, or undefined when none does.
 */
export function bootFrom(
  flash: NorFlash,
  silicon: Silicon,
  log: BootLog,
  rom: (text: string) => void,
): BootedApp | undefined {
  if (!startsBootloader(flash, silicon, log, rom)) return undefined;
  let entries: TableEntry[];
  try {
    entries = parsePartitionTable(
      flash.contents.subarray(TABLE_OFFSET, TABLE_OFFSET + TABLE_BYTES),
      silicon.flashBytes,
    );
  } catch (error) {
    if (!(error instanceof PartitionTableInvalid)) throw error;
    log.line("E", "flash_parts", error.message);
    log.line("E", "boot", "Failed to verify partition table");
    log.line("E", "boot", "load partition table error!");
    return undefined;
  }
  listPartitions(entries, log);
  const image = chooseApp(flash, silicon, entries, log);
  return image && { partitions: boardPartitions(entries), image };
}

function startsBootloader(flash: NorFlash, silicon: Silicon, log: BootLog, rom: (text: string) => void): boolean {
  const place = flash.contents.subarray(BOOTLOADER_OFFSET, TABLE_OFFSET);
  const first = new DataView(place.buffer, place.byteOffset).getUint32(0, true);
  if (place[0] !== 0xe9) {
    rom(`invalid header: 0x${hex(first, 8)}\r\n`);
    return false;
  }
  try {
    const { segments } = checkImage(place, BOOTLOADER_OFFSET, silicon);
    for (const { address, bytes } of segments) rom(`load:0x${hex(address, 8)},len:0x${hex(bytes)}\r\n`);
  } catch (error) {
    if (!(error instanceof ImageInvalid)) throw error;
    log.line("E", error.tag, error.message);
    return false;
  }
  const revision = `v${Math.floor(silicon.revision / 100)}.${silicon.revision % 100}`;
  log.line("I", "boot", "ESP-IDF 2nd stage bootloader (simulated)");
  log.line("I", "boot", `chip revision: ${revision}`);
  log.line("I", "boot.esp32p4", `SPI Flash Size : ${silicon.flashBytes >> 20}MB`);
  return true;
}

function listPartitions(entries: readonly TableEntry[], log: BootLog): void {
  log.line("I", "boot", "Partition Table:");
  log.line("I", "boot", "## Label            Usage          Type ST Offset   Length");
  entries.forEach((entry, index) => {
    const numbers = `${hex(entry.type, 2)} ${hex(entry.subtype, 2)} ${hex(entry.offset, 8)} ${hex(entry.bytes, 8)}`;
    const name = `${entry.label.padEnd(16)} ${usageOf(entry).padEnd(16)}`;
    log.line("I", "boot", `${String(index).padStart(2)} ${name} ${numbers}`);
  });
  log.line("I", "boot", "End of partition table");
}

function chooseApp(
  flash: NorFlash,
  silicon: Silicon,
  entries: readonly TableEntry[],
  log: BootLog,
): AppImage | undefined {
  const find = (type: number, subtype: number) =>
    entries.find((entry) => entry.type === type && entry.subtype === subtype);
  const slots = Array.from({ length: OTA_SLOTS_MAX }, (_, i) => find(0, OTA_SUBTYPE + i));
  const count = slots.indexOf(undefined);
  const otadata = find(1, OTADATA_SUBTYPE);
  const record = otadata && flash.read(otadata.offset, otadata.bytes);
  const { chosen, order } = otaOrder(record, count === -1 ? OTA_SLOTS_MAX : count);
  const factory = find(0, FACTORY_SUBTYPE);
  if (chosen === undefined && !factory && order.length > 0) log.line("I", "boot", "No factory image, trying OTA 0");
  const named = order.map((slot) => ({ name: `OTA app partition slot ${slot}`, entry: slots[slot] as TableEntry }));
  const base = factory ? [{ name: "Factory app partition", entry: factory }] : [];
  for (const { name, entry } of chosen === undefined ? [...base, ...named] : [...named, ...base]) {
    try {
      const image = checkImage(flash.read(entry.offset, entry.bytes) as Uint8Array, entry.offset, silicon);
      image.segments.forEach(({ offset, address, bytes }, i) => {
        const where = `paddr=${hex(offset, 8)} vaddr=${hex(address, 8)}`;
        const size = `size=${hex(bytes, 5)}h (${String(bytes).padStart(6)})`;
        log.line("I", "esp_image", `segment ${i}: ${where} ${size} load`);
      });
      log.line("I", "boot", `Loaded app from partition at offset 0x${hex(entry.offset)}`);
      return image;
    } catch (error) {
      if (!(error instanceof ImageInvalid)) throw error;
      log.line("E", error.tag, error.message);
      log.line("E", "boot", `${name} is not bootable`);
    }
  }
  log.line("E", "boot", "No bootable app partitions in the partition table");
  return undefined;
}
