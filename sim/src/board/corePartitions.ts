import { InputError } from "synapse-engine/errors";
import type { Board, Partition } from "./boardSchema.js";
import type { FlashArea } from "./deviceCore.js";

/** Of a flash sector. */
const SECTOR_BYTES = 4_096;

/** Subtypes of the data partitions that the device core uses, of those that ESP-IDF leaves to applications. */
const SUBTYPES = { modelA: 0x40, modelB: 0x41, records: 0x42, settings: 0x43 } as const;
/** Records and settings are written to one sector while another still holds what was. */
const SECTORS_MIN = 2;

export interface CorePartitions {
  /** The two that hold models. */
  readonly slots: readonly [Partition, Partition];
  /** Which model is active. */
  readonly records: Partition;
  readonly settings: Partition;
  /**
   * Where the firmware lies, twice, and which one starts; undefined on a board that is only
   * updated over its serial port.
   */
  readonly firmware: { readonly places: readonly [Partition, Partition]; readonly record: Partition } | undefined;
}

/** The partitions that hold models, in flash order. */
export function modelPartitions(board: Board): Partition[] {
  return board.partitions
    .filter(({ type, subtype }) => type === "data" && (subtype === SUBTYPES.modelA || subtype === SUBTYPES.modelB))
    .sort((a, b) => a.offset - b.offset);
}

function firmwarePartitions(board: Board): CorePartitions["firmware"] {
  const find = (type: string, subtype: string) =>
    board.partitions.find((each) => each.type === type && each.subtype === subtype);
  const [first, second, record] = [find("app", "ota_0"), find("app", "ota_1"), find("data", "ota")];
  return first && second && record ? { places: [first, second], record } : undefined;
}

/**
 * What the device core needs of the flash. Throws an InputError with code `BOARD_LACKS_PARTITION` that says what to add
 * to the board file.
 */
export function corePartitions(board: Board): CorePartitions {
  const find = (use: keyof typeof SUBTYPES, what: string): Partition => {
    const found = board.partitions.find(({ type, subtype }) => type === "data" && subtype === SUBTYPES[use]);
    if (found !== undefined && found.size >= SECTORS_MIN * SECTOR_BYTES) return found;
    throw new InputError({
      code: "BOARD_LACKS_PARTITION",
      source: board.id,
      where: "partitions",
      message: `there is no partition for ${what}`,
      expected: `a data partition of subtype ${SUBTYPES[use]} with at least ${SECTORS_MIN * SECTOR_BYTES} bytes`,
    });
  };
  return {
    slots: [find("modelA", "the first model"), find("modelB", "the second model")],
    records: find("records", "the record of which model is active"),
    settings: find("settings", "settings"),
    firmware: firmwarePartitions(board),
  };
}

/** The partition of each area of flash that the core knows and the board has. */
export function flashAreas(board: Board): Map<FlashArea, Partition> {
  const { slots, records, settings, firmware } = corePartitions(board);
  const areas = new Map<FlashArea, Partition>([
    ["records", records],
    ["model_a", slots[0]],
    ["model_b", slots[1]],
    ["settings", settings],
  ]);
  if (firmware === undefined) return areas;
  const [first, second] = firmware.places;
  return areas.set("ota_0", first).set("ota_1", second).set("otadata", firmware.record);
}
