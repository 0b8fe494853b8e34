/**
 * A picture, u8 `[height, width, 3]`, moved to the right by half a pixel: bilinear, the left edge repeated. What this
 * changes in a model's answers is the yardstick of what a difference is worth: no camera stands stiller.
 */
export function movedByHalfPixel(pixels: Uint8Array, width: number): Uint8Array {
  const stride = width * 3;
  return pixels.map((value, at) => {
    const left = at % stride < 3 ? value : (pixels[at - 3] as number);
    return (value + left + 1) >> 1;
  });
}
