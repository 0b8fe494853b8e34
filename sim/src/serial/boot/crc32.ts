/** CRC-32 (reflected, 0xedb88320) as ESP-IDF's records have it: begun with all bits set, which the ROM inverts. */
export function crc32(bytes: Uint8Array): number {
  let value = 0;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  }
  return ~value >>> 0;
}
