import { InputError } from "synapse-engine/errors";
import { z } from "zod";

/** ESP-IDF's own rules: an app starts at a multiple of 64 KiB, data at a multiple of a flash sector. */
const APP_ALIGNMENT_BYTES = 65_536;
const SECTOR_BYTES = 4_096;
/** Below this lie the bootloader and the partition table (0x8000, one sector). */
const FIRST_PARTITION_OFFSET = 0x9000;

const positive = z.int().positive();
const name = z.string().min(1).max(64);

const partitionSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,15}$/, "1 to 15 letters, digits, _ or -"),
  type: z.enum(["app", "data"]),
  /** A name that ESP-IDF knows, or a number; 0x40 to 0xFE are the application's. */
  subtype: z.union([z.string().min(1), z.int().min(0).max(0xfe)]),
  offset: z.int().nonnegative(),
  size: positive,
});

/** A GPIO of the ESP32-P4. */
const pin = z.int().min(0).max(54);

/**
 * What is soldered to which pin, as the ready firmware needs it; docs/boards.md says where each figure is from. A key
 * is left out where no source is known.
 */
const wiringSchema = z.strictObject({
  /** Where the log and Improv are: the chip's own USB, or UART 0 with a converter behind it. */
  console: z.enum(["uart0", "usb-serial-jtag"]).optional(),
  bootButtonPin: pin.optional(),
  /** The chip with the radio, which ESP-Hosted speaks to. */
  companion: z
    .strictObject({
      chip: z.enum(["esp32c5", "esp32c6", "esp32c61"]),
      sdio: z.strictObject({
        slot: z.int().min(0).max(1),
        clkPin: pin,
        cmdPin: pin,
        dataPins: z.tuple([pin, pin, pin, pin]),
        resetPin: pin,
        resetActive: z.enum(["high", "low"]),
        mhz: z.int().min(1).max(50),
      }),
    })
    .optional(),
  ethernet: z
    .strictObject({
      phy: z.enum(["ip101", "generic"]),
      address: z.int().min(0).max(31),
      mdcPin: pin,
      mdioPin: pin,
      resetPin: pin,
    })
    .optional(),
});

const boardSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,63}$/, "1 to 63 lower-case letters, digits or -"),
  name,
  chip: z.literal("ESP32-P4"),
  chipRevision: z.strictObject({ major: z.int().min(0).max(99), minor: z.int().min(0).max(99) }),
  /**
   * `modelGmacMax`: thousand millions of multiply-accumulates that a model may take in a run;
   * the core's own bound unless given.
   */
  cpu: z.strictObject({
    cores: z.int().min(1).max(2),
    mhz: z.int().min(40).max(1000),
    modelGmacMax: z.int().min(1).max(1_000_000).optional(),
  }),
  /** L2MEM: `freeBytes` is what cache, system and drivers leave for Synapse. */
  sram: z.strictObject({
    freeBytes: z
      .int()
      .min(16_384)
      .max(768 * 1024),
    cacheBytes: z.literal([128, 256, 512].map((kib) => kib * 1024)),
  }),
  /** `reservedBytes` is what the rest of the firmware (network buffers, heap) keeps for itself. */
  psram: z.strictObject({
    bytes: positive.max(64 * 1024 * 1024),
    reservedBytes: z.int().nonnegative(),
    mhz: z.int().min(20).max(250),
  }),
  flash: z.strictObject({
    bytes: positive.max(128 * 1024 * 1024),
    mhz: z.int().min(20).max(120),
    mode: z.enum(["qio", "qout", "dio", "dout"]),
  }),
  radio: name,
  /** Only the ready firmware needs it: a board without it can be simulated and packed for. */
  wiring: wiringSchema.optional(),
  requests: z.strictObject({ bodyBytesMax: z.int().min(65_536).max(16_777_216), countMax: z.int().min(1).max(16) }),
  partitions: z.array(partitionSchema).min(1).max(95),
});

export type Board = z.infer<typeof boardSchema>;
export type Partition = Board["partitions"][number];

/**
 * Which of the two mutually exclusive firmware builds runs on a board: `v1` before revision 3.0 of the chip, `v3` from
 * it on.
 */
export const siliconOf = (board: Pick<Board, "chipRevision">): "v1" | "v3" =>
  board.chipRevision.major < 3 ? "v1" : "v3";

/** `partitions[2].size`. */
function jsonPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}

/**
 * Reads a board file's text. `source` names it in errors. Throws an InputError that names the JSON path: `BOARD_JSON`
 * when it is not JSON, `BOARD_INVALID` when a value is missing, unknown or out of range, `BOARD_PARTITIONS` when the
 * partition table cannot exist.
 */
export function parseBoard(text: string, source: string): Board {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new InputError({ code: "BOARD_JSON", source, message: (cause as Error).message, expected: "a JSON object" });
  }
  const parsed = boardSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = jsonPath(issue?.path ?? []);
    throw new InputError({
      code: "BOARD_INVALID",
      source,
      message: issue?.message ?? "invalid",
      ...(where === "" ? {} : { where }),
    });
  }
  checkMemory(parsed.data, source);
  checkSilicon(parsed.data, source);
  checkPartitions(parsed.data, source);
  return parsed.data;
}

function checkMemory(board: Board, source: string): void {
  if (board.psram.reservedBytes < board.psram.bytes) return;
  throw new InputError({
    code: "BOARD_INVALID",
    source,
    where: "psram.reservedBytes",
    message: `${board.psram.reservedBytes} bytes reserved of ${board.psram.bytes}`,
    expected: "fewer than psram.bytes",
  });
}

/** What ESP-IDF sets on either family of silicon. */
function checkSilicon(board: Board, source: string): void {
  const fail = (where: string, message: string, expected: string): never => {
    throw new InputError({ code: "BOARD_INVALID", source, where, message, expected });
  };
  if (siliconOf(board) === "v3") return;
  const { major, minor } = board.chipRevision;
  if (board.cpu.mhz > 360) {
    fail("cpu.mhz", `${board.cpu.mhz} MHz on revision ${major}.${minor}`, "at most 360 before revision 3.0");
  }
  if (board.psram.mhz > 200) {
    fail("psram.mhz", `${board.psram.mhz} MHz on revision ${major}.${minor}`, "at most 200 before revision 3.0");
  }
}

function checkPartitions(board: Board, source: string): void {
  const fail = (index: number, key: string, message: string, expected: string): never => {
    throw new InputError({ code: "BOARD_PARTITIONS", source, where: `partitions[${index}].${key}`, message, expected });
  };
  const names = new Set<string>();
  board.partitions.forEach((partition, index) => {
    if (names.has(partition.name)) fail(index, "name", `"${partition.name}" appears twice`, "a name of its own");
    names.add(partition.name);
    const alignment = partition.type === "app" ? APP_ALIGNMENT_BYTES : SECTOR_BYTES;
    if (partition.offset % alignment !== 0)
      fail(index, "offset", `${partition.offset} is not aligned`, `a multiple of ${alignment}`);
    if (partition.size % SECTOR_BYTES !== 0)
      fail(index, "size", `${partition.size} is not whole sectors`, `a multiple of ${SECTOR_BYTES}`);
    if (partition.offset < FIRST_PARTITION_OFFSET) {
      fail(
        index,
        "offset",
        `${partition.offset} lies over the bootloader or the partition table`,
        `at least ${FIRST_PARTITION_OFFSET}`,
      );
    }
    const end = partition.offset + partition.size;
    if (end > board.flash.bytes) {
      const excess = end - board.flash.bytes;
      fail(
        index,
        "size",
        `the partition ends ${excess} bytes behind the flash`,
        `at most ${partition.size - excess} bytes at this offset`,
      );
    }
    board.partitions.slice(0, index).forEach((other) => {
      if (partition.offset < other.offset + other.size && other.offset < end) {
        fail(index, "offset", `"${partition.name}" overlaps "${other.name}"`, "partitions that do not overlap");
      }
    });
  });
}
