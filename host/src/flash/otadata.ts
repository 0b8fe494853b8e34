/** A flash sector: otadata is two of them, each with one entry at its beginning. */
const SECTOR_BYTES = 4096;

/**
 * The two sectors that make slot `slot` (0: ota_0) the one that starts: in the first one esp_ota_select_entry_t with
 * sequence `slot + 1`, no label, a state that needs no confirmation, and the sequence's CRC; the second is erased.
 */
export function composeOtadata(slot: 0 | 1): Uint8Array {
  const bytes = new Uint8Array(2 * SECTOR_BYTES).fill(0xff);
  const view = new DataView(bytes.buffer);
  const sequence = slot + 1;
  view.setUint32(0, sequence, true);
  view.setUint32(28, sequenceCrc(sequence), true);
  return bytes;
}

/** esp_rom_crc32_le(UINT32_MAX, ..): the usual CRC-32, begun with 0 instead of all ones. */
function sequenceCrc(sequence: number): number {
  let crc = 0;
  for (let byte = 0; byte < 4; byte++) {
    crc ^= (sequence >>> (8 * byte)) & 0xff;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
