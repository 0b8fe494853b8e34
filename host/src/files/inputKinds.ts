/** What users' inputs are, in words for errors, and the bytes that one may have. */
export const PICTURE = "a JPEG or PNG picture";
export const PICTURE_BYTES_MAX = 64 << 20;
export const JSON_BYTES_MAX = 256 << 20;
