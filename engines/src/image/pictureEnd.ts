const PNG_END = [0x49, 0x45, 0x4e, 0x44];
const JPEG_END = [0xff, 0xd9];
/** Of a JPEG's segment that is followed by the picture itself. */
const START_OF_SCAN = 0xda;

/**
 * Whether the mark that ends a JPEG or a PNG is there: decoders of browsers show what there is of a picture that was
 * cut. What cameras append behind the end is no harm, and the end of a thumbnail in a JPEG's head is not the picture's.
 */
export function endsWhole(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0xff) return contains(bytes, PNG_END, 8);
  let at = 2;
  while (bytes[at] === 0xff && bytes[at + 1] !== START_OF_SCAN) {
    // Any number of 0xff may stand before a marker.
    at += bytes[at + 1] === 0xff ? 1 : 2 + (((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0));
  }
  return bytes[at] === 0xff && contains(bytes, JPEG_END, at);
}

/** Whether the mark is in the bytes from `from` on; looked for from the back, where it is. */
function contains(bytes: Uint8Array, mark: readonly number[], from: number): boolean {
  for (let at = bytes.length - mark.length; at >= from; at--) {
    if (mark.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}
