import sharp, { type Sharp } from "sharp";
import { InputError } from "../errors.js";
import { TriangleResizer } from "./resizeTriangle.js";

/** A picture larger than this is a mistake or an attack: 50 megapixels are 150 MB of RGB. */
const PIXELS_MAX = 50_000_000;

/**
 * Decodes a JPEG or PNG to what a model's image input takes: `width * height * 3` bytes, RGB, rows from the top.
 *
 * The EXIF orientation is applied first, so that a portrait photo is portrait. Colours are converted to sRGB and transparent parts are laid
 * on white. The picture is then resized to exactly the given size, both axes independently, with a triangle filter (bilinear, widened when
 * shrinking), as in the reference preprocessing. Throws an InputError with code `IMAGE_UNREADABLE` for bytes that are no whole picture.
 */
export async function decodeImage(
  bytes: Uint8Array,
  size: { readonly width: number; readonly height: number },
  source = "image",
): Promise<Uint8Array> {
  try {
    const options = { limitInputPixels: PIXELS_MAX, failOn: "error" } as const;
    const { autoOrient: upright } = await sharp(bytes, options).metadata();
    const picture = sharp(bytes, options).autoOrient().flatten({ background: "#fff" }).toColourspace("srgb");
    // The library enlarges with a shift of half a pixel; where pictures become smaller it is right, and faster.
    if (upright.width < size.width || upright.height < size.height) return await enlarge(picture, size);
    const data = await picture.resize(size.width, size.height, { fit: "fill", kernel: "linear", fastShrinkOnLoad: false }).raw().toBuffer();
    const pixels = size.width * size.height;
    if (data.length === pixels * 3) return new Uint8Array(data.buffer, data.byteOffset, data.length);
    return expandGray(data, pixels, source);
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    const [line] = (cause as Error).message.split("\n");
    throw new InputError({
      code: "IMAGE_UNREADABLE",
      source,
      message: `the picture cannot be decoded: ${line}`,
      expected: `a whole JPEG or PNG of at most ${PIXELS_MAX / 1e6} megapixels`,
    });
  }
}

async function enlarge(picture: Sharp, size: { readonly width: number; readonly height: number }): Promise<Uint8Array> {
  const { data, info } = await picture.toColourspace("srgb").ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const { channels } = info;
  const resizer = new TriangleResizer(info, size);
  const row = new Uint8Array(info.width * 4);
  for (let y = 0; y < info.height; y++) {
    for (let x = 0; x < info.width; x++) {
      const at = (y * info.width + x) * channels;
      // Gray and its alpha, or red, green, blue and theirs.
      for (let channel = 0; channel < 3; channel++) row[4 * x + channel] = data[channels < 3 ? at : at + channel] ?? 0;
    }
    resizer.addRow(row);
  }
  return resizer.rgb();
}

/** One channel a pixel to three equal ones. */
function expandGray(gray: Uint8Array, pixels: number, source: string): Uint8Array {
  if (gray.length !== pixels) {
    throw new InputError({
      code: "IMAGE_UNREADABLE",
      source,
      message: "the picture has an unknown number of channels",
      expected: "gray or RGB",
    });
  }
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) rgb.fill(gray[i] ?? 0, i * 3, i * 3 + 3);
  return rgb;
}
