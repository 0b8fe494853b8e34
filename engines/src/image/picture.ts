import { InputError } from "../errors.js";

/**
 * The pictures that boards, the command line and a browser's tab take, told by their first bytes:
 * nothing else is given to a decoder.
 */
const FORMATS = {
  "image/jpeg": [0xff, 0xd8, 0xff],
  "image/png": [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
} as const satisfies Record<string, readonly number[]>;

export type PictureType = keyof typeof FORMATS;

/** As in the device core (limits.zig): a larger picture is a mistake or an attack. 50 megapixels are 150 MB of RGB. */
export const PICTURE_SIDE_MAX = 16_384;
export const PICTURE_PIXELS_MAX = 50_000_000;

/** What is taken, for error messages and help texts. */
export const PICTURES_TAKEN =
  `a whole JPEG or PNG of at most ${PICTURE_SIDE_MAX} pixels a side ` + `and ${PICTURE_PIXELS_MAX / 1e6} megapixels`;

/** What the bytes say that they are; undefined for all that is neither JPEG nor PNG. */
function pictureType(bytes: Uint8Array): PictureType | undefined {
  return (Object.keys(FORMATS) as PictureType[]).find((type) => FORMATS[type].every((byte, i) => bytes[i] === byte));
}

/** Throws an InputError with code `IMAGE_FORMAT` for bytes that do not begin as a JPEG or a PNG does. */
export function requirePicture(bytes: Uint8Array, source: string): PictureType {
  const type = pictureType(bytes);
  if (type !== undefined) return type;
  throw new InputError({
    code: "IMAGE_FORMAT",
    source,
    message: "the bytes are no JPEG and no PNG",
    expected: PICTURES_TAKEN,
  });
}

/** Throws an InputError with code `IMAGE_TOO_LARGE`. To be asked before anything is decoded. */
export function requirePictureSize(
  { width, height }: { readonly width: number; readonly height: number },
  source: string,
): void {
  if (width <= PICTURE_SIDE_MAX && height <= PICTURE_SIDE_MAX && width * height <= PICTURE_PIXELS_MAX) return;
  throw new InputError({
    code: "IMAGE_TOO_LARGE",
    source,
    message: `the picture has ${width} x ${height} pixels`,
    expected: PICTURES_TAKEN,
  });
}
