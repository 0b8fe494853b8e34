const KIB = 1024;

/** `912 B`, `37.5 KiB`, `17.2 MiB`. Binary units, because memories come in powers of two. */
export function formatBytes(bytes: number): string {
  if (bytes < KIB) return `${bytes} B`;
  if (bytes < KIB * KIB) return `${significant(bytes / KIB)} KiB`;
  if (bytes < KIB * KIB * KIB) return `${significant(bytes / (KIB * KIB))} MiB`;
  return `${significant(bytes / (KIB * KIB * KIB))} GiB`;
}

/** `17.8 MiB (18,707,712 bytes)`: what people read, and what can be compared exactly. */
export function bytesInFull(bytes: number): string {
  return `${formatBytes(bytes)} (${bytes.toLocaleString("en-US")} bytes)`;
}

/** Three digits. */
export function significant(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
