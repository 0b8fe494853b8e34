/** Numbers of the `.syn` format (docs/format.md). */
export const MAGIC = Uint8Array.of(0x89, 0x53, 0x59, 0x4e, 0x0d, 0x0a, 0x1a, 0x0a);
export const VERSION_MAJOR = 1;
export const VERSION_MINOR = 0;
export const PREFIX_BYTES = 64;
export const ALIGNMENT = 64;
export const FILE_BYTES_MAX = 2 ** 32 - 1;
export const HEADER_BYTES_MAX = 4 * 1024 * 1024;
export const SHA256_OFFSET = 32;
export const TENSORS_MAX = 16384;
export const ENTRIES_MAX = 32;
export const OPS_MAX = 16384;
export const PORTS_MAX = 16;
export const GOLDEN_MAX = 16;
export const DIMENSION_MAX = 2 ** 24;
export const ELEMENTS_MAX = 2 ** 31 - 1;
export const NESTING_MAX = 16;
export const REGION_BYTES_MAX = 2 ** 30;
/** Columns that a linear layer sums over: 127 * 128 * K stays below 2^31. */
export const REDUCTION_MAX = 2 ** 17;
