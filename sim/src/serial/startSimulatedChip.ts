import type { Board } from "../board/boardSchema.js";
import { Chip, type StartApplication } from "./chip/chip.js";
import { NorFlash } from "./chip/norFlash.js";
import type { SiliconFamily } from "./chip/silicon.js";
import { TcpLine } from "./line/tcpLine.js";

export interface SimulatedChipOptions {
  readonly board: Board;
  /** What the flash holds, as large as the board's; erased unless given. It is used, not copied. */
  readonly flash?: Uint8Array;
  /** The board file's revision unless given; else the newest of the family. */
  readonly family?: SiliconFamily;
  /** Six bytes in hexadecimal with colons between. */
  readonly mac?: string;
  /** TCP port; any unless given. */
  readonly port?: number;
  readonly host?: string;
}

/** A simulated ESP32-P4 behind a serial line. */
export interface SimulatedChip {
  /** `socket://127.0.0.1:40001`, as esptool and pyserial write it. */
  readonly url: string;
  readonly chip: Chip;
  close(): Promise<void>;
}

const NEWEST = { v1: 103, v3: 301 } as const;

/** Starts a chip that has just got its power. Rejects with the system's error when its port cannot be had. */
export async function startSimulatedChip(options: SimulatedChipOptions): Promise<SimulatedChip> {
  const { board } = options;
  const own = board.chipRevision.major * 100 + board.chipRevision.minor;
  const silicon = {
    revision: options.family === undefined ? own : NEWEST[options.family],
    mac: options.mac ?? "02:00:00:00:00:01",
    flashBytes: board.flash.bytes,
  };
  const nothing: StartApplication = async () => ({ receive: () => undefined, stop: async () => undefined });
  const chip = new Chip(silicon, new NorFlash(board.flash.bytes, options.flash), nothing);
  const host = options.host ?? "127.0.0.1";
  const line = await TcpLine.open(chip, options.port ?? 0, host);
  chip.reset("power-on");
  return {
    url: `socket://${host}:${line.port}`,
    chip,
    close: async () => {
      await line.close();
      await chip.close();
    },
  };
}
