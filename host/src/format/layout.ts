import { format } from "../format/table.js";

/** Where things stand in a `.syn` file (docs/format.md, "Prefix"). */
const { prefix } = format;

export const MAGIC = Uint8Array.from(prefix.magic);
export const VERSION_MAJOR = prefix.version_major;
export const VERSION_MINOR = prefix.version_minor;
export const PREFIX_BYTES = prefix.bytes;
export const ALIGNMENT = prefix.alignment;
export const SHA256_OFFSET = prefix.sha256_offset;
