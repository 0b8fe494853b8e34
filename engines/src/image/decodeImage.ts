import type { SharpConstructor } from "sharp";
import { EngineError, InputError } from "../errors.js";
import { PICTURE_PIXELS_MAX, PICTURES_TAKEN, requirePicture, requirePictureSize } from "./picture.js";
import { TriangleResizer } from "./resizeTriangle.js";

/**
 * Decodes a JPEG or PNG to what a model's image input takes: `width * height * 3` bytes, RGB, rows from the top.
 *
 * The EXIF orientation is applied first, so that a portrait photo is portrait. Colours are converted to sRGB and
 * transparent parts are laid on white. The picture is then resized to exactly the given size by `TriangleResizer`. The
 * largest picture that is taken needs some 400 MB meanwhile.
 *
 * Throws an InputError with code `IMAGE_FORMAT` for bytes that are neither JPEG nor PNG, `IMAGE_TOO_LARGE` before such
 * a picture is decoded, and `IMAGE_UNREADABLE` for bytes that are no whole picture; an EngineError `DECODER_MISSING`
 * where the optional package `sharp` is not installed.
 */
export async function decodeImage(
  bytes: Uint8Array,
  size: { readonly width: number; readonly height: number },
  source = "image",
): Promise<Uint8Array> {
  requirePicture(bytes, source);
  const sharp = await loadSharp();
  try {
    const options = { limitInputPixels: false, failOn: "error" } as const;
    requirePictureSize(await sharp(bytes, options).metadata(), source);
    const { data, info } = await sharp(bytes, { ...options, limitInputPixels: PICTURE_PIXELS_MAX })
      .autoOrient()
      .flatten({ background: "#fff" })
      .toColourspace("srgb")
      .raw()
      .toBuffer({ resolveWithObject: true });
    const resizer = new TriangleResizer(info, size, info.channels);
    const rowBytes = info.width * info.channels;
    for (let at = 0; at < data.length; at += rowBytes) resizer.addRow(data.subarray(at, at + rowBytes));
    return resizer.rgb();
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    const [line] = (cause as Error).message.split("\n");
    throw new InputError({
      code: "IMAGE_UNREADABLE",
      source,
      message: `the picture cannot be decoded: ${line}`,
      expected: PICTURES_TAKEN,
    });
  }
}

/** The decoder, loaded by the first picture: most programs that use an engine have none. */
async function loadSharp(): Promise<SharpConstructor> {
  try {
    return (await import("sharp")).default;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === "ERR_MODULE_NOT_FOUND" ? "is not installed" : `cannot be loaded: ${message.split("\n", 1)[0]}`;
    throw new EngineError(
      "DECODER_MISSING",
      `pictures are decoded by the package sharp, which ${why}: npm install sharp`,
    );
  }
}
