import sharp from "sharp";
import { expect, test } from "vitest";
import { decodeImage } from "./decodeImage.js";

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

test.each([
  ["nothing", new Uint8Array()],
  ["text", new TextEncoder().encode("not a picture")],
  ["a JPEG's first bytes", Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0, 16])],
])("%s is no picture", async (_title, bytes) => {
  await expect(decodeImage(bytes, size, "x.jpg")).rejects.toMatchObject({ code: "IMAGE_UNREADABLE", source: "x.jpg" });
});

test("a picture with too many pixels is refused before it is decoded", async () => {
  const huge = await sharp({ create: { width: 10_000, height: 6_000, channels: 3, background: "#000" }, limitInputPixels: false })
    .png()
    .toBuffer();
  await expect(decodeImage(huge, size)).rejects.toMatchObject({ code: "IMAGE_UNREADABLE" });
});
