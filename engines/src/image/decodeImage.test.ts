import sharp from "sharp";
import { expect, test } from "vitest";
import { decodeImage } from "./decodeImage.js";
import { PICTURE_SIDE_MAX } from "./picture.js";

const size = { width: 2, height: 2 };
const plain = (channels: 3 | 4, background: { r: number; g: number; b: number; alpha: number }) =>
  sharp({ create: { width: 4, height: 4, channels, background } })
    .png()
    .toBuffer();

test("transparent parts lie on white, gray becomes RGB", async () => {
  const clear = await plain(4, { r: 255, g: 0, b: 0, alpha: 0 });
  expect([...(await decodeImage(clear, size))]).toEqual(new Array(12).fill(255));
  const gray = await sharp(await plain(3, { r: 90, g: 90, b: 90, alpha: 1 }))
    .grayscale()
    .png()
    .toBuffer();
  expect([...(await decodeImage(gray, size))]).toEqual(new Array(12).fill(90));
});

test("rows come from the top, pixels as R, G, B", async () => {
  const pixels = Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]);
  const png = await sharp(pixels, { raw: { width: 2, height: 2, channels: 3 } })
    .png()
    .toBuffer();
  expect(await decodeImage(png, size)).toEqual(pixels);
});

test("each axis is resized by itself", async () => {
  const png = await sharp(await plain(3, { r: 1, g: 2, b: 3, alpha: 1 }))
    .resize(40, 3, { fit: "fill" })
    .png()
    .toBuffer();
  expect(await decodeImage(png, { width: 3, height: 5 })).toHaveLength(45);
});

test("a small picture is enlarged about its pixels' centres, in colour and gray", async () => {
  const row = Uint8Array.from([0, 80, 160, 240].flatMap((value) => [value, 0, 255 - value]));
  const png = await sharp(row, { raw: { width: 4, height: 1, channels: 3 } })
    .png()
    .toBuffer();
  const pixels = [...(await decodeImage(png, { width: 8, height: 2 }))];
  expect(pixels.slice(0, 24).filter((_, i) => i % 3 === 0)).toEqual([0, 20, 60, 100, 140, 180, 220, 240]);
  expect(pixels.slice(24)).toEqual(pixels.slice(0, 24));
  const gray = await sharp(Buffer.from(png)).grayscale().png().toBuffer();
  const grays = await decodeImage(gray, { width: 8, height: 1 });
  expect(grays).toHaveLength(24);
  expect(grays[3]).toBe(grays[5]);
});

const dot = sharp({ create: { width: 4, height: 4, channels: 3, background: "#123" } });
const text = (value: string) => new TextEncoder().encode(value);

test.each<[string, () => Uint8Array | Promise<Uint8Array>]>([
  ["nothing", () => new Uint8Array()],
  ["text", () => text("not a picture")],
  ["an SVG", () => text('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>')],
  ...(["gif", "tiff", "webp", "avif"] as const).map((format): [string, () => Promise<Uint8Array>] => [
    format,
    () => dot.clone().toFormat(format).toBuffer(),
  ]),
])("what is neither JPEG nor PNG is not looked at further: %s", async (_title, bytes) => {
  await expect(decodeImage(await bytes(), size, "x.jpg")).rejects.toMatchObject({
    code: "IMAGE_FORMAT",
    source: "x.jpg",
  });
});

test("a JPEG's first bytes alone are no picture", async () => {
  const bytes = Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]);
  await expect(decodeImage(bytes, size, "x.jpg")).rejects.toMatchObject({ code: "IMAGE_UNREADABLE", source: "x.jpg" });
});

test.each([
  [1, PICTURE_SIDE_MAX + 1],
  [PICTURE_SIDE_MAX + 1, 1],
  [10_000, 6_000],
])("a picture of %i x %i pixels is refused before it is decoded", async (width, height) => {
  const large = await sharp({ create: { width, height, channels: 3, background: "#000" }, limitInputPixels: false })
    .png()
    .toBuffer();
  // What follows the head is missing, and nobody notices.
  const refused = { code: "IMAGE_TOO_LARGE", message: expect.stringContaining(`${width} x ${height} pixels`) };
  await expect(decodeImage(large.subarray(0, 64), size)).rejects.toMatchObject(refused);
});

test("the longest side that is taken is decoded", async () => {
  const line = await sharp({ create: { width: 1, height: PICTURE_SIDE_MAX, channels: 3, background: "#0a141e" } })
    .png()
    .toBuffer();
  expect([...(await decodeImage(line, { width: 1, height: 2 }))]).toEqual([10, 20, 30, 10, 20, 30]);
});
