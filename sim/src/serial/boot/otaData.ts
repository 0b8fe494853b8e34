import { crc32 } from "./crc32.js";

const SECTOR_BYTES = 4_096;
const ENTRY_BYTES = 32;
const STATE = { new: 0, pendingVerify: 1, invalid: 3, aborted: 4 } as const;

/** One of the two records that say which application starts (esp_ota_select_entry_t). */
interface OtaEntry {
  readonly sequence: number;
  readonly state: number;
}

function entryAt(otadata: Uint8Array, sector: number): OtaEntry | undefined {
  const bytes = otadata.subarray(sector * SECTOR_BYTES, sector * SECTOR_BYTES + ENTRY_BYTES);
  if (bytes.length < ENTRY_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sequence = view.getUint32(0, true);
  if (sequence === 0 || sequence === 0xffff_ffff || view.getUint32(28, true) !== crc32(bytes.subarray(0, 4)))
    return undefined;
  const state = view.getUint32(24, true);
  return state === STATE.invalid || state === STATE.aborted ? undefined : { sequence, state };
}

/**
 * The OTA slots in the order in which the bootloader tries them; the first is the one that the records choose, or
 * undefined when they choose none. An application that was started once and never confirmed is given up.
 */
export function otaOrder(
  otadata: Uint8Array | undefined,
  slots: number,
): { chosen: number | undefined; order: number[] } {
  const entries = otadata === undefined ? [] : [entryAt(otadata, 0), entryAt(otadata, 1)];
  const [best] = entries
    .filter((entry) => entry !== undefined && entry.state !== STATE.pendingVerify)
    .sort((a, b) => (b as OtaEntry).sequence - (a as OtaEntry).sequence);
  const chosen = best === undefined || slots === 0 ? undefined : (best.sequence - 1) % slots;
  const all = Array.from({ length: slots }, (_, slot) => slot);
  if (chosen === undefined) return { chosen, order: all };
  // Downwards from the chosen one, then upwards.
  return { chosen, order: [...all.slice(0, chosen + 1).reverse(), ...all.slice(chosen + 1)] };
}
