import { PageProblem } from "./problem.js";

/** What goes to the board, and what people are shown of it. */
export interface Picture {
  readonly sent: Blob;
  readonly shown: Blob;
  readonly label: string;
}

/**
 * Photos are scaled down here: the model sees far fewer pixels, and a phone's photo would not fit the board's request.
 */
export const PHOTO_PIXELS_MAX = 800;
const JPEG_QUALITY = 0.92;

/** A photo as the board can read it: upright, small enough, JPEG. */
export async function pictureOf(file: File): Promise<Picture> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new PageProblem("This browser cannot read the picture.", "expected a JPEG or PNG");
  }
  const blob = await jpegOf(bitmap, bitmap.width, bitmap.height, PHOTO_PIXELS_MAX);
  bitmap.close();
  return { sent: blob, shown: blob, label: file.name === "" ? "photo" : file.name };
}

/** `source` as a JPEG whose longer side has at most `pixelsMax` pixels, on white where it is transparent. */
export function jpegOf(source: CanvasImageSource, width: number, height: number, pixelsMax: number): Promise<Blob> {
  const scale = Math.min(1, pixelsMax / Math.max(width, height, 1));
  const { canvas, context } = canvasOf(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return blobOf(canvas, "image/jpeg");
}

export function canvasOf(
  width: number,
  height: number,
): { canvas: HTMLCanvasElement; context: CanvasRenderingContext2D } {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) throw new PageProblem("This browser cannot draw pictures.");
  return { canvas, context };
}

export function blobOf(canvas: HTMLCanvasElement, type: "image/jpeg" | "image/png"): Promise<Blob> {
  return new Promise((resolve, reject) => {
    const done = (blob: Blob | null) =>
      blob === null ? reject(new PageProblem("This browser cannot store the picture.")) : resolve(blob);
    canvas.toBlob(done, type, JPEG_QUALITY);
  });
}

export async function base64Of(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const parts: string[] = [];
  // In parts: a call has room for so many arguments only.
  for (let at = 0; at < bytes.length; at += 0x8000) parts.push(String.fromCharCode(...bytes.subarray(at, at + 0x8000)));
  return btoa(parts.join(""));
}
