import { InputError } from "synapse-engine/errors";
import { SimulatedBoard, type SimulatedBoardOptions } from "../../board/board.js";
import { corePartitions, flashAreas } from "../../board/corePartitions.js";
import type { LogLevel } from "../../board/deviceCore.js";
import type { Application, ApplicationHost, StartApplication } from "../chip/chip.js";
import type { NorFlash } from "../chip/norFlash.js";
import { type ResetCause, romBanner } from "../chip/romBanner.js";
import type { Silicon } from "../chip/silicon.js";
import { openBoardConsole, type SimulatedNetwork } from "./boardConsole.js";
import { BootLog, type LogLetter } from "./bootLog.js";
import { type BootedApp, bootFrom } from "./bootloader.js";

/** What a started board is connected to: servers, links; closed when the chip resets. */
export interface ServedBoard {
  /** Where it answers, for those in its network. */
  readonly url?: string;
  close(): Promise<void>;
}
export type ServeBoard = (board: SimulatedBoard) => Promise<ServedBoard>;

export interface ApplicationOptions
  extends Omit<SimulatedBoardOptions, "flash" | "model" | "access" | "deviceId" | "resetReason"> {
  readonly silicon: Silicon;
  readonly serve?: ServeBoard;
  /** Wi-Fi in reach; unless given there is every one, and any password is right. */
  readonly networks?: readonly SimulatedNetwork[];
  /** A board runs now, or none any more. */
  readonly running?: (board: SimulatedBoard | undefined) => void;
}

/** After it nothing runs until the next reset. */
const NOTHING: Application = { receive: () => undefined, stop: async () => undefined };
const LETTERS: Readonly<Record<LogLevel, LogLetter>> = { error: "E", warn: "W", info: "I" };

/** A start from flash: the bootloader's view of it, then the device core on the partitions that were flashed. */
export function startFrom(options: ApplicationOptions): StartApplication {
  return async (flash, cause, host) => {
    const log = new BootLog(host.print);
    const booted = boot(flash, options.silicon, log, host.print);
    if (booted === undefined) return NOTHING;
    try {
      return await startBoard(options, booted, flash, log, cause, host);
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
  { image, partitions }: BootedApp,
  flash: NorFlash,
  bootLog: BootLog,
  cause: ResetCause,
  host: ApplicationHost,
): Promise<Application> {
  const { silicon, serve, running, networks, ...rest } = options;
  const { print } = host;
  const [major, minor] = [Math.floor(silicon.revision / 100), silicon.revision % 100];
  const board = { ...options.board, partitions, chipRevision: { major, minor } };
  corePartitions(board);
  const started = performance.now() - bootLog.ms;
  const say = (letter: LogLetter, tag: string, text: string): void =>
    print(`${letter} (${Math.round(performance.now() - started)}) ${tag}: ${text}\r\n`);
  const log = (level: LogLevel, text: string): void => {
    say(LETTERS[level], "synapse", text);
    options.log?.(level, text);
  };
  const simulated: SimulatedBoard = await SimulatedBoard.create({
    ...rest,
    board,
    deviceId: silicon.mac,
    flash: flash.contents,
    resetReason: cause,
    log,
    // A board that starts itself anew goes through ROM and bootloader as at any reset.
    restarting: (reason) => {
      keepFlash(simulated, flash);
      print(romBanner(silicon, reason, "flash"));
      boot(flash, silicon, new BootLog(print), print);
    },
  });
  let forget = false;
  const resetSettings = () => {
    forget = true;
    host.reset("software");
  };
  let served: ServedBoard | undefined;
  try {
    served = await serve?.(simulated);
    const { url } = served ?? {};
    const tell = (letter: LogLetter, text: string) => say(letter, "main", text);
    const { version } = image;
    const cable = await openBoardConsole(simulated, {
      version,
      url,
      networks,
      send: host.send,
      log: tell,
      resetSettings,
    });
    running?.(simulated);
    return {
      receive: (bytes) => cable.feed(bytes),
      stop: async () => {
        running?.(undefined);
        keepFlash(simulated, flash);
        if (forget) eraseSettings(simulated, flash);
        await served?.close();
        await simulated.close();
      },
    };
  } catch (error) {
    await served?.close();
    await simulated.close();
    throw error;
  }
}

function eraseSettings({ board }: SimulatedBoard, flash: NorFlash): void {
  const { offset, size } = corePartitions(board).settings;
  flash.contents.fill(0xff, offset, offset + size);
}

/** What the board has written is in the flash of the chip, for the next start and for whoever reads it. */
function keepFlash(simulated: SimulatedBoard, flash: NorFlash): void {
  const image = simulated.flashImage();
  for (const { offset, size } of flashAreas(simulated.board).values())
    flash.contents.set(image.subarray(offset, offset + size), offset);
}
