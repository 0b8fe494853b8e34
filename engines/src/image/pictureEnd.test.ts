import { readFileSync } from "node:fs";
import sharp from "sharp";
import { expect, test } from "vitest";
import { endsWhole } from "./pictureEnd.js";

const photo = readFileSync(new URL("../../../samples/rocket-portrait.jpg", import.meta.url));

/** The photo with a segment in its head that holds a whole small JPEG, as cameras write it. */
async function withThumbnail(): Promise<Buffer> {
  const thumbnail = await sharp(photo).resize(16, 16).jpeg().toBuffer();
  const length = Buffer.alloc(2);
  length.writeUInt16BE(thumbnail.length + 2);
  return Buffer.concat([photo.subarray(0, 2), Buffer.of(0xff, 0xe2), length, thumbnail, photo.subarray(2)]);
}

test("whole pictures are whole, with whatever behind them", async () => {
  const png = await sharp(photo).png().toBuffer();
  const padded = Buffer.concat([photo.subarray(0, 2), Buffer.of(0xff, 0xff, 0xff), photo.subarray(2)]);
  for (const picture of [photo, png, padded, await withThumbnail()]) {
    expect(endsWhole(picture)).toBe(true);
    expect(endsWhole(Buffer.concat([picture, Buffer.from("more of the camera's")]))).toBe(true);
  }
});

test("pictures that were cut are not, wherever, nor is anything else", async () => {
  const png = await sharp(photo).png().toBuffer();
  for (const picture of [photo, png, await withThumbnail()]) {
    for (let share = 0; share < 1; share += 0.05)
      expect(endsWhole(picture.subarray(0, Math.floor(picture.length * share)))).toBe(false);
  }
  expect(endsWhole(Buffer.from("hello"))).toBe(false);
  expect(endsWhole(Buffer.of(0xff, 0xff, 0xff, 0xff))).toBe(false);
});
