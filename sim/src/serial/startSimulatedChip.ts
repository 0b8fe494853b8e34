import { InputError } from "synapse-engine/errors";
import type { SimulatedBoard, SimulatedBoardOptions } from "../board/board.js";
import type { Board } from "../board/boardSchema.js";
import { type ServeBoard, startFrom } from "./boot/application.js";
import type { SimulatedNetwork } from "./boot/boardConsole.js";
import { Chip, type ChipMode } from "./chip/chip.js";
import { NorFlash } from "./chip/norFlash.js";
import type { ResetCause } from "./chip/romBanner.js";
import type { SiliconFamily } from "./chip/silicon.js";
import type { LineFaults } from "./line/faults.js";
import { PtyLine } from "./line/ptyLine.js";
import { TcpLine } from "./line/tcpLine.js";
import { Turns } from "./line/turns.js";

export interface SimulatedChipOptions
  extends Pick<SimulatedBoardOptions, "engine" | "clock" | "decodeImage" | "fetchFile" | "deviceName" | "log"> {
  readonly board: Board;
  /** What the flash holds, as large as the board's; erased unless given. It is used, not copied. */
  readonly flash?: Uint8Array;
  /** The board file's revision unless given; else the newest of the family. */
  readonly family?: SiliconFamily;
  /** Six bytes in hexadecimal with colons between. */
  readonly mac?: string;
  /** TCP port; any unless given. */
  readonly port?: number;
  readonly faults?: LineFaults;
  /** Bytes on the line take the time that they take at its rate; without it they take none. */
  readonly paced?: boolean;
  readonly host?: string;
  /** Whether the line is a pseudo terminal too, which needs Python 3. */
  readonly pty?: boolean;
  /** What it prints, as it does. */
  readonly print?: (text: string) => void;
  /** Connects a board that has started to its network; closed when the chip resets. */
  readonly serve?: ServeBoard;
  /** Wi-Fi in reach of a board that runs; unless given there is every one, and any password is right. */
  readonly networks?: readonly SimulatedNetwork[];
}

/** A simulated ESP32-P4 behind a serial line. */
export interface SimulatedChip {
  /** `socket://127.0.0.1:40001`, as esptool and pyserial write it. */
  readonly url: string;
  /** Path of a pseudo terminal, `/dev/pts/3`; undefined where none was asked for or can be had. */
  readonly pty: string | undefined;
  /** What a terminal would show: everything that ROM, bootloader and application have printed, as far as it is kept. */
  readonly console: string;
  readonly mode: ChipMode;
  /** Its bytes; what a running board has written is in them once the chip was reset. */
  readonly flash: NorFlash;
  /** The board that runs, when what was flashed has started one. */
  readonly running: SimulatedBoard | undefined;
  /** Resolves when resets and requests that have come so far are done. */
  idle(): Promise<void>;
  /** What is wrong with the cable from now on. */
  setFaults(faults: LineFaults): void;
  /** Somebody presses the reset button, unless it resets for another reason: it says so, as does the board then. */
  reset(cause?: ResetCause): void;
  close(): Promise<void>;
}

const NEWEST = { v1: 103, v3: 301 } as const;

/**
 * Starts a chip that has just got its power. Throws an InputError: `FLASH_SIZE` when `flash` is not as large as the
 * board's, `PORT_UNAVAILABLE` when its port cannot be had.
 */
export async function startSimulatedChip(options: SimulatedChipOptions): Promise<SimulatedChip> {
  const {
    board,
    flash: contents,
    family,
    mac,
    port,
    host = "127.0.0.1",
    faults,
    paced,
    print,
    pty,
    ...application
  } = options;
  const silicon = {
    revision: family === undefined ? board.chipRevision.major * 100 + board.chipRevision.minor : NEWEST[family],
    mac: mac ?? "02:00:00:00:00:01",
    flashBytes: board.flash.bytes,
  };
  if (contents !== undefined && contents.length !== board.flash.bytes) {
    throw new InputError({
      code: "FLASH_SIZE",
      source: board.id,
      message: `the flash has ${board.flash.bytes} bytes and what it should hold ${contents.length}`,
      expected: "an image of the whole flash",
    });
  }
  let running: SimulatedBoard | undefined;
  const flash = new NorFlash(board.flash.bytes, contents);
  const start = startFrom({
    ...application,
    board,
    silicon,
    running: (now) => {
      running = now;
    },
  });
  const chip = new Chip(silicon, flash, start, { paced: paced ?? false, print: print ?? (() => undefined) });
  chip.faults = faults ?? {};
  const turns = new Turns();
  const line = await TcpLine.open(chip, turns, port ?? 0, host);
  const terminal = pty ? await PtyLine.open(chip, turns) : undefined;
  chip.reset("power-on");
  return {
    url: `socket://${host}:${line.port}`,
    pty: terminal?.path,
    flash,
    get console() {
      return chip.console;
    },
    get mode() {
      return chip.mode;
    },
    get running() {
      return running;
    },
    setFaults: (now) => {
      chip.faults = now;
    },
    idle: () => chip.idle(),
    reset: (cause = "power-on") => chip.reset(cause),
    close: async () => {
      await line.close();
      await terminal?.close();
      await chip.close();
    },
  };
}
