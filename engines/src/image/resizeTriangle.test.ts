import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { decodeImage } from "./decodeImage.js";
import { TriangleResizer } from "./resizeTriangle.js";

interface Case {
  readonly pattern: "noise" | "checkerboard";
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  readonly rgb: string;
}

/** Made by Pillow: fixtures/make_pillow_bilinear.py. */
const { cases } = JSON.parse(readFileSync(new URL("../../fixtures/pillow-bilinear.json", import.meta.url), "utf8")) as {
  cases: Case[];
};

/** The rules of make_pillow_bilinear.py. */
const PATTERNS: Record<Case["pattern"], (width: number, height: number) => Uint8Array> = {
  noise: (width, height) => {
    let state = 2463534242;
    return Uint8Array.from({ length: width * height * 3 }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state & 255;
    });
  },
  checkerboard: (width, height) =>
    Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return 255 * (((pixel % width) + Math.floor(pixel / width)) % 2);
    }),
};

const resize = (
  pixels: Uint8Array,
  from: readonly [number, number],
  to: readonly [number, number],
  stride = 3,
): Uint8Array => {
  const resizer = new TriangleResizer({ width: from[0], height: from[1] }, { width: to[0], height: to[1] }, stride);
  for (let row = 0; row < from[1]; row++)
    resizer.addRow(pixels.subarray(row * from[0] * stride, (row + 1) * from[0] * stride));
  return resizer.rgb();
};

const largestDifference = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))),
    a.length === b.length ? 0 : Number.NaN,
  );

describe.each(cases)("$pattern of $from, resized to $to", ({ pattern, from, to, rgb }) => {
  const pixels = PATTERNS[pattern](...from);
  const expected = Uint8Array.from(Buffer.from(rgb, "base64"));

  test("is what Pillow makes of it, but for its rounding to 8 bits between the axes", () => {
    expect(largestDifference(resize(pixels, from, to), expected)).toBeLessThanOrEqual(1);
  });

  test("is the same bytes from the decoder of boards and of the command line", async () => {
    const png = await sharp(pixels, { raw: { width: from[0], height: from[1], channels: 3 } })
      .png()
      .toBuffer();
    expect(await decodeImage(png, { width: to[0], height: to[1] })).toEqual(resize(pixels, from, to));
  });
});

test("photos become smaller by the same filter, from every format of pixels", async () => {
  for (const name of ["cat.jpg", "coffee.jpg", "rocket-portrait.jpg"]) {
    const photo = readFileSync(new URL(`../../../samples/${name}`, import.meta.url));
    const size = { width: 24, height: 20 };
    const decoded = await decodeImage(photo, size);
    const rgba = await sharp(photo).autoOrient().ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    const from = [rgba.info.width, rgba.info.height] as const;
    expect(resize(rgba.data, from, [24, 20], 4)).toEqual(decoded);
  }
});

test("pixels between two are mixed by distance, and pixels in one are averaged with their neighbours", () => {
  const gray = (values: readonly number[], width: number) => {
    const rgb = resize(Uint8Array.from(values), [values.length, 1], [width, 1], 1);
    expect(rgb.filter((value, i) => value !== rgb[3 * Math.floor(i / 3)])).toHaveLength(0);
    return [...rgb].filter((_, i) => i % 3 === 0);
  };
  expect(gray([0, 80, 160, 240], 8)).toEqual([0, 20, 60, 100, 140, 180, 220, 240]);
  // Half as wide, the triangle reaches over four pixels with weights 1, 3, 3, 1; over three at the edge.
  expect(gray([0, 80, 160, 240, 240, 240], 3)).toEqual(
    [(80 * 3 + 160) / 7, (80 + 160 * 3 + 240 * 3 + 240) / 8, 240].map(Math.round),
  );
});

interface BoardCase {
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  readonly pixelBytes: number;
  readonly sha256: string;
}

/** The board's own filter is held to the same digests: core/image/resize_test.zig has the other side. */
const boardCases = JSON.parse(
  readFileSync(new URL("../../../firmware/components/synapse/core/image/resize_cases.json", import.meta.url), "utf8"),
) as BoardCase[];

test.each(boardCases)("a board's filter gives the same bytes: $from to $to, $pixelBytes bytes a pixel", (board) => {
  let state = 1;
  const [width, height] = board.from;
  const pixels = Uint8Array.from({ length: width * height * board.pixelBytes }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  const resizer = new TriangleResizer({ width, height }, { width: board.to[0], height: board.to[1] }, board.pixelBytes);
  const rowBytes = width * board.pixelBytes;
  for (let y = 0; y < height; y++) resizer.addRow(pixels.subarray(y * rowBytes, (y + 1) * rowBytes));
  expect(createHash("sha256").update(resizer.rgb()).digest("hex")).toBe(board.sha256);
});
