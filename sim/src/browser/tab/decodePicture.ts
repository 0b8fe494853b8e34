import { endsWhole, requirePicture, requirePictureSize, TriangleResizer } from "synapse-engine/image";
import type { DecodeImage } from "../../board/virtualBoard.js";

/** The picture is read in bands of so many pixels: a canvas may be far smaller than a photo. */
const BAND_PIXELS = 1_000_000;

/**
 * As `decodeImage` with the browser's decoder: EXIF orientation applied, colours in sRGB, white behind transparent
 * parts, resized by the same filter. A lossless picture gives the same bytes;
 * JPEG decoders differ by a level here and there.
 */
export const decodePicture: DecodeImage = async (bytes, size) => {
  const bitmap = await openPicture(bytes);
  try {
    requirePictureSize(bitmap, "image");
    const resizer = new TriangleResizer(bitmap, size, 4);
    const rowsMax = Math.max(1, Math.floor(BAND_PIXELS / bitmap.width));
    for (let top = 0; top < bitmap.height; top += rowsMax) {
      const rows = Math.min(rowsMax, bitmap.height - top);
      const pixels = readBand(bitmap, top, rows);
      for (let row = 0; row < rows; row++)
        resizer.addRow(pixels.subarray(row * bitmap.width * 4, (row + 1) * bitmap.width * 4));
    }
    return resizer.rgb();
  } finally {
    bitmap.close();
  }
};

async function openPicture(bytes: Uint8Array): Promise<ImageBitmap> {
  requirePicture(bytes, "image");
  if (!endsWhole(bytes)) throw new Error("the picture cannot be decoded: it has no end");
  try {
    return await createImageBitmap(new Blob([Uint8Array.from(bytes)]), { imageOrientation: "from-image" });
  } catch {
    throw new Error("the picture cannot be decoded: it is no JPEG or PNG that this browser reads");
  }
}

function readBand(bitmap: ImageBitmap, top: number, rows: number): Uint8ClampedArray {
  const canvas = new OffscreenCanvas(bitmap.width, rows);
  const context = canvas.getContext("2d", { colorSpace: "srgb", willReadFrequently: true });
  if (context === null) throw new Error("this browser gives no canvas to decode pictures with");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, bitmap.width, rows);
  context.drawImage(bitmap, 0, top, bitmap.width, rows, 0, 0, bitmap.width, rows);
  return context.getImageData(0, 0, bitmap.width, rows).data;
}
