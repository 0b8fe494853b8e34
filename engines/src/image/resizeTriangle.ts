interface Size {
  readonly width: number;
  readonly height: number;
}

/** For one output pixel: the first input pixel that counts, and the weight of it and of those after it. */
interface Window {
  readonly first: number;
  readonly weights: Float32Array;
}

/**
 * The windows of a triangle filter (bilinear, widened when shrinking);
 * at the edges the weights of what exists sum to one.
 */
function windowsOf(from: number, to: number): Window[] {
  const scale = from / to;
  const reach = Math.max(1, scale);
  return Array.from({ length: to }, (_, out) => {
    const centre = (out + 0.5) * scale;
    const first = Math.max(0, Math.ceil(centre - reach - 0.5));
    const last = Math.min(from - 1, Math.floor(centre + reach - 0.5));
    const weights = Float32Array.from({ length: last - first + 1 }, (_, i) =>
      Math.max(0, 1 - Math.abs(first + i + 0.5 - centre) / reach),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

const CHANNELS = 3;

/**
 * The one filter that every picture goes through, whoever has decoded it. A picture is given row by row, so that no
 * more of it than one row has to be in memory. Both axes are filtered independently with a triangle, whose width grows
 * as the picture shrinks (what Pillow calls BILINEAR); a picture of the wanted size stays as it is. Sums are not
 * rounded before the end, where Pillow rounds to 8 bits between the axes: results differ from its by one level.
 */
export class TriangleResizer {
  #columns: Window[];
  #rows: Window[];
  #sums: Float32Array;
  #line: Float32Array;
  #row = 0;
  /** Rows of the output before this one need no further input. */
  #firstOut = 0;
  #stride: number;

  /** `stride` is how many bytes a pixel has: 1 is gray, 3 is R, G, B, and 4 has one more byte, which does not count. */
  constructor(from: Size, to: Size, stride: number) {
    this.#columns = windowsOf(from.width, to.width);
    this.#rows = windowsOf(from.height, to.height);
    this.#sums = new Float32Array(to.width * to.height * CHANNELS);
    this.#line = new Float32Array(to.width * CHANNELS);
    this.#stride = stride;
  }

  /** The next row. */
  addRow(pixels: Uint8Array | Uint8ClampedArray): void {
    this.#filterColumns(pixels);
    const width = this.#line.length;
    for (let out = this.#firstOut; out < this.#rows.length; out++) {
      const { first, weights } = this.#rows[out] as Window;
      if (first > this.#row) break;
      if (first + weights.length - 1 <= this.#row) this.#firstOut = out + 1;
      const weight = weights[this.#row - first];
      if (weight === undefined) continue;
      const at = out * width;
      for (let i = 0; i < width; i++)
        this.#sums[at + i] = (this.#sums[at + i] as number) + weight * (this.#line[i] as number);
    }
    this.#row++;
  }

  #filterColumns(pixels: Uint8Array | Uint8ClampedArray): void {
    const stride = this.#stride;
    // The one value of a gray pixel stands for all three.
    const [green, blue] = stride < CHANNELS ? [0, 0] : [1, 2];
    for (let out = 0; out < this.#columns.length; out++) {
      const { first, weights } = this.#columns[out] as Window;
      let sumRed = 0;
      let sumGreen = 0;
      let sumBlue = 0;
      for (let i = 0, at = first * stride; i < weights.length; i++, at += stride) {
        const weight = weights[i] as number;
        sumRed += weight * (pixels[at] as number);
        sumGreen += weight * (pixels[at + green] as number);
        sumBlue += weight * (pixels[at + blue] as number);
      }
      this.#line[out * CHANNELS] = sumRed;
      this.#line[out * CHANNELS + 1] = sumGreen;
      this.#line[out * CHANNELS + 2] = sumBlue;
    }
  }

  /** `width * height * 3` bytes, RGB, once all rows have been given. */
  rgb(): Uint8Array {
    return Uint8Array.from(this.#sums, (sum) => Math.min(255, Math.max(0, Math.round(sum))));
  }
}
