import { readFileSync } from "node:fs";
import sharp from "sharp";
import { expect, test } from "vitest";
import { decodeImage } from "./decodeImage.js";
import { TriangleResizer } from "./resizeTriangle.js";

async function resize(picture: Uint8Array, size: { width: number; height: number }): Promise<Uint8Array> {
  const { data, info } = await sharp(picture)
    .autoOrient()
    .flatten({ background: "#fff" })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const resizer = new TriangleResizer(info, size);
  for (let row = 0; row < info.height; row++) resizer.addRow(data.subarray(row * info.width * 4, (row + 1) * info.width * 4));
  return resizer.rgb();
}

test.each([
  { width: 28, height: 28 },
  { width: 224, height: 200 },
])("photos become smaller as on other boards, but for rounding: $width x $height", async (size) => {
  for (const name of ["cat.jpg", "coffee.jpg", "rocket-portrait.jpg"]) {
    const photo = readFileSync(new URL(`../../../samples/${name}`, import.meta.url));
    const [ours, theirs] = [await resize(photo, size), await decodeImage(photo, size)];
    expect(ours).toHaveLength(theirs.length);
    const difference = ours.reduce((sum, value, i) => sum + Math.abs(value - (theirs[i] ?? 0)), 0) / ours.length;
    expect(difference).toBeLessThan(1);
  }
});

test("pixels between two are mixed by distance, and pixels in one are averaged with their neighbours", async () => {
  const gray = async (values: readonly number[], width: number) => {
    const pixels = Uint8Array.from(values.flatMap((value) => [value, value, value]));
    const png = await sharp(pixels, { raw: { width: values.length, height: 1, channels: 3 } })
      .png()
      .toBuffer();
    return [...(await resize(png, { width, height: 1 }))].filter((_, i) => i % 3 === 0);
  };
  expect(await gray([0, 80, 160, 240], 8)).toEqual([0, 20, 60, 100, 140, 180, 220, 240]);
  // Half as wide, the triangle reaches over four pixels with weights 1, 3, 3, 1; over three at the edge.
  expect(await gray([0, 80, 160, 240, 240, 240], 3)).toEqual([(80 * 3 + 160) / 7, (80 + 160 * 3 + 240 * 3 + 240) / 8, 240].map(Math.round));
});

test("a picture of the wanted size stays as it is", async () => {
  const pixels = Uint8Array.from({ length: 7 * 5 * 3 }, (_, i) => (i * 89) % 256);
  const png = await sharp(pixels, { raw: { width: 7, height: 5, channels: 3 } })
    .png()
    .toBuffer();
  expect(await resize(png, { width: 7, height: 5 })).toEqual(pixels);
});
