import { InputError } from "synapse-engine/errors";
import { SimulatedBoard, type SimulatedBoardOptions } from "../../board/board.js";
import { corePartitions, flashAreas } from "../../board/corePartitions.js";
import type { LogLevel } from "../../board/deviceCore.js";
import type { Application, StartApplication } from "../chip/chip.js";
import type { NorFlash } from "../chip/norFlash.js";
import { romBanner } from "../chip/romBanner.js";
import type { Silicon } from "../chip/silicon.js";
import { BootLog, type LogLetter } from "./bootLog.js";
import { type BootedApp, bootFrom } from "./bootloader.js";

/** What a started board is connected to: servers, links; closed when the chip resets. */
export type ServeBoard = (board: SimulatedBoard) => Promise<{ close(): Promise<void> }>;

export interface ApplicationOptions extends Omit<SimulatedBoardOptions, "flash" | "model" | "access" | "deviceId"> {
  readonly silicon: Silicon;
  readonly serve?: ServeBoard;
  /** A board runs now, or none any more. */
  readonly running?: (board: SimulatedBoard | undefined) => void;
}

/** After it nothing runs until the next reset. */
const NOTHING: Application = { receive: () => undefined, stop: async () => undefined };
const LETTERS: Readonly<Record<LogLevel, LogLetter>> = { error: "E", warn: "W", info: "I" };

/** A start from flash: the bootloader's view of it, then the device core on the partitions that were flashed. */
export function startFrom(options: ApplicationOptions): StartApplication {
  return async (flash, _cause, host) => {
    const log = new BootLog(host.print);
    const booted = boot(flash, options.silicon, log, host.print);
    if (booted === undefined) return NOTHING;
    try {
      return await startBoard(options, booted, flash, log, host.print);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      log.line("E", "synapse", `${error.message}${error.expected ? `; expected ${error.expected}` : ""}`);
      return NOTHING;
    }
  };
}

function boot(flash: NorFlash, silicon: Silicon, log: BootLog, print: (text: string) => void): BootedApp | undefined {
  const booted = bootFrom(flash, silicon, log, print);
  if (booted === undefined) return undefined;
  log.line("I", "app_init", `Project name:     ${booted.image.project}`);
  log.line("I", "app_init", `App version:      ${booted.image.version}`);
  log.line("I", "app_init", "simulated chip: the device core runs, not the machine code of the image");
  return booted;
}

async function startBoard(
  options: ApplicationOptions,
  { partitions }: BootedApp,
  flash: NorFlash,
  bootLog: BootLog,
  print: (text: string) => void,
): Promise<Application> {
  const { silicon, serve, running, ...rest } = options;
  const [major, minor] = [Math.floor(silicon.revision / 100), silicon.revision % 100];
  const board = { ...options.board, partitions, chipRevision: { major, minor } };
  corePartitions(board);
  const started = performance.now() - bootLog.ms;
  const log = (level: LogLevel, text: string): void => {
    print(`${LETTERS[level]} (${Math.round(performance.now() - started)}) synapse: ${text}\r\n`);
    options.log?.(level, text);
  };
  const simulated: SimulatedBoard = await SimulatedBoard.create({
    ...rest,
    board,
    deviceId: silicon.mac,
    flash: flash.contents,
    log,
    // A board that starts itself anew goes through ROM and bootloader as at any reset.
    restarting: () => {
      keepFlash(simulated, flash);
      print(romBanner(silicon, "software", "flash"));
      boot(flash, silicon, new BootLog(print), print);
    },
  });
  let served: { close(): Promise<void> } | undefined;
  try {
    served = await serve?.(simulated);
  } catch (error) {
    await simulated.close();
    throw error;
  }
  running?.(simulated);
  return {
    receive: () => undefined,
    stop: async () => {
      running?.(undefined);
      keepFlash(simulated, flash);
      await served?.close();
      await simulated.close();
    },
  };
}

/** What the board has written is in the flash of the chip, for the next start and for whoever reads it. */
function keepFlash(simulated: SimulatedBoard, flash: NorFlash): void {
  const image = simulated.flashImage();
  for (const { offset, size } of flashAreas(simulated.board).values())
    flash.contents.set(image.subarray(offset, offset + size), offset);
}
