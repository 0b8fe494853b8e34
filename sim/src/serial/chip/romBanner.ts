import { familyOf, type Silicon } from "./silicon.js";

export type ResetCause = "power-on" | "software" | "watchdog" | "brownout" | "panic";

const CAUSES: Readonly<Record<ResetCause, string>> = {
  "power-on": "0x1 (POWERON)",
  software: "0xc (SW_CPU_RESET)",
  watchdog: "0x7 (HP_SYS_HP_WDT_RESET)",
  brownout: "0xf (BROWN_OUT_RESET)",
  // After its message the panic handler restarts the processor.
  panic: "0xc (SW_CPU_RESET)",
};
const ROMS = { v1: "esp32p4-eco2-20240710", v3: "esp32p4-eco5-20250310" } as const;

/** What the ROM says first. Flashing programs look for `boot:` and `waiting for download` in it. */
export function romBanner(silicon: Silicon, cause: ResetCause, into: "flash" | "download"): string {
  const boot =
    into === "flash" ? "0x30f (SPI_FAST_FLASH_BOOT)" : "0x307 (DOWNLOAD(USB/UART0/SPI))\r\nwaiting for download";
  return `ESP-ROM:${ROMS[familyOf(silicon.revision)]}\r\nrst:${CAUSES[cause]},boot:${boot}\r\n`;
}
