import type { Engine } from "./engine.js";
import { GuestEngine } from "./guestEngine.js";
import { Rv32Guest, type Rv32Options } from "./rv32Guest.js";

export type { Rv32Options } from "./rv32Guest.js";

/**
 * Starts the runtime on an emulated RV32IMAFC core (`qemu-system-riscv32 -M virt`). Rejects with code `QEMU_MISSING`
 * when there is no emulator, and with `STOPPED` and its words when it does not start.
 */
export async function openRv32Engine(options: Rv32Options = {}): Promise<Engine> {
  return GuestEngine.create("rv32", await Rv32Guest.start(options));
}
