import { bytesInFull } from "synapse-engine/bytesText";
import { InputError } from "synapse-engine/errors";
import type { Board } from "./boardSchema.js";
import { corePartitions } from "./corePartitions.js";
import { type CoreOptions, hexOf, type LoadFailure, type LogLevel, type ResetReason } from "./deviceCore.js";

export type BoardEngine = "native" | "wasm";

export interface BoardOptions {
  readonly board: Board;
  /**
   * A packed model; it is in the board's first model partition when it boots for the first time. Without one the board
   * starts without a model.
   */
  readonly model?: Uint8Array;
  /**
   * What its whole flash holds when it boots for the first time, from address 0, with the partitions where the board
   * file has them; instead of `model`. What it does not reach is erased.
   */
  readonly flash?: Uint8Array;
  /** Names the model in errors. */
  readonly modelSource?: string;
  /** Of this board among others: stable identity and a name for people. */
  readonly deviceId?: string;
  readonly deviceName?: string;
  /**
   * `open` (unless given): the board has an owner already, whose token is `ownerToken`, and lets everybody read and
   * infer. `unclaimed`: as it comes from the factory.
   */
  readonly access?: "open" | "unclaimed";
  /** Of what cuts of power leave in the flash; 1 unless given. */
  readonly flashSeed?: number;
  /**
   * Public keys whose holders may give the board models: uncompressed points on P-256 (65 bytes), at most 4. With any,
   * uploads have to be signed by one of them; the model that the board starts with comes from the
   * factory and need not be.
   */
  readonly updateKeys?: readonly Uint8Array[];
  /** Why it starts; unless given, it gets its power. */
  readonly resetReason?: ResetReason;
  readonly log?: (level: LogLevel, text: string) => void;
  /** The board starts anew; nothing of it runs at this moment, and its flash is as it was left. */
  readonly restarting?: (reason: ResetReason) => void;
}

const MHZ = 1_000_000;
const UPDATE_KEYS_MAX = 4;
const UPDATE_KEY_BYTES = 65;

/** Throws an InputError with code `MODEL_EXCEEDS_FLASH`. */
export function checkModelFits(options: BoardOptions): void {
  const [partition] = corePartitions(options.board).slots;
  const source = options.modelSource ?? "model";
  const bytes = options.model?.length ?? 0;
  const missing = bytes - partition.size;
  if (missing > 0) {
    throw new InputError({
      code: "MODEL_EXCEEDS_FLASH",
      source,
      message:
        `the model has ${bytesInFull(bytes)} and partition "${partition.name}" of ${options.board.name} has ` +
        `${bytesInFull(partition.size)}: ${missing} bytes are missing`,
      expected: "a smaller model (fewer bits a weight), or a board with a larger partition",
    });
  }
}

export function coreOptionsOf(options: BoardOptions, engine: BoardEngine): CoreOptions {
  const { board } = options;
  const { slots, records, settings, firmware } = corePartitions(board);
  return {
    deviceId: options.deviceId ?? "02:00:00:00:00:01",
    deviceName: options.deviceName ?? `simulated ${board.name}`,
    boardId: board.id,
    boardName: board.name,
    chip: board.chip,
    radio: board.radio,
    engine,
    chipRevision: board.chipRevision.major * 100 + board.chipRevision.minor,
    cpuHz: board.cpu.mhz * MHZ,
    psramHz: board.psram.mhz * MHZ,
    flashHz: board.flash.mhz * MHZ,
    flashBytes: board.flash.bytes,
    fastBytes: board.sram.freeBytes,
    slowBytes: board.psram.bytes - board.psram.reservedBytes,
    threads: board.cpu.cores,
    bodyBytesMax: board.requests.bodyBytesMax,
    exchangeCount: board.requests.countMax,
    recordsBytes: records.size,
    settingsBytes: settings.size,
    slotBytes: [slots[0].size, slots[1].size],
    slotNames: [slots[0].name, slots[1].name],
    otaBytes: [firmware?.places[0].size ?? 0, firmware?.places[1].size ?? 0],
    otadataBytes: firmware?.record.size ?? 0,
    flashSeed: options.flashSeed ?? 1,
    updateKeys: checkedKeys(options.updateKeys ?? []),
    modelGmacMax: board.cpu.modelGmacMax ?? 0,
    resetReason: options.resetReason ?? "power-on",
  };
}

function checkedKeys(keys: readonly Uint8Array[]): string[] {
  if (keys.length <= UPDATE_KEYS_MAX && keys.every((key) => key.length === UPDATE_KEY_BYTES && key[0] === 4))
    return keys.map(hexOf);
  throw new InputError({
    code: "UPDATE_KEYS_INVALID",
    source: "updateKeys",
    message:
      keys.length > UPDATE_KEYS_MAX
        ? `${keys.length} update keys are too many`
        : "an update key is not an uncompressed point",
    expected: `at most ${UPDATE_KEYS_MAX} keys, each ${UPDATE_KEY_BYTES} bytes beginning with 4`,
  });
}

export function loadError(failure: LoadFailure, options: BoardOptions): InputError {
  const source = options.modelSource ?? "model";
  if (failure.kind === "model") return new InputError({ code: "MODEL_INVALID", source, message: failure.message });
  if (failure.kind === "core")
    return new InputError({ code: "BOARD_TOO_SMALL", source: options.board.id, message: failure.message });
  return new InputError({
    code: failure.region === "fast" ? "MODEL_EXCEEDS_SRAM" : "MODEL_EXCEEDS_PSRAM",
    source,
    message: failure.message,
    expected: `a model that fits ${options.board.name}, or a board with ${failure.bytesMissing} bytes more`,
  });
}
