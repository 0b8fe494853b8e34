/** For one output pixel: the first input pixel that counts, and the weight of it and of those after it. */
interface Window {
  readonly first: number;
  readonly weights: Float32Array;
}

/** The windows of a triangle filter (bilinear, widened when shrinking); at the edges the weights of what exists sum to one. */
function windowsOf(from: number, to: number): Window[] {
  const scale = from / to;
  const reach = Math.max(1, scale);
  return Array.from({ length: to }, (_, out) => {
    const centre = (out + 0.5) * scale;
    const first = Math.max(0, Math.ceil(centre - reach - 0.5));
    const last = Math.min(from - 1, Math.floor(centre + reach - 0.5));
    const weights = Float32Array.from({ length: last - first + 1 }, (_, i) => Math.max(0, 1 - Math.abs(first + i + 0.5 - centre) / reach));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

const CHANNELS = 3;

/**
 * Resizes a picture that is given row by row, so that no more of it than one row has to be in memory. Both axes are filtered independently with
 * a triangle, as `decodeImage` does; a picture of the wanted size stays as it is.
 */
export class TriangleResizer {
  #columns: Window[];
  #rows: Window[];
  #sums: Float32Array;
  #line: Float32Array;
  #row = 0;
  #size: { readonly width: number; readonly height: number };

  constructor(from: { readonly width: number; readonly height: number }, to: { readonly width: number; readonly height: number }) {
    this.#columns = windowsOf(from.width, to.width);
    this.#rows = windowsOf(from.height, to.height);
    this.#sums = new Float32Array(to.width * to.height * CHANNELS);
    this.#line = new Float32Array(to.width * CHANNELS);
    this.#size = to;
  }

  /** The next row, pixels as R, G, B and one byte that does not count. */
  addRow(rgba: Uint8Array | Uint8ClampedArray): void {
    this.#filterColumns(rgba);
    const width = this.#line.length;
    for (let out = 0; out < this.#rows.length; out++) {
      const { first, weights } = this.#rows[out] as Window;
      if (first > this.#row) break;
      const weight = weights[this.#row - first];
      if (weight === undefined) continue;
      for (let i = 0; i < width; i++) this.#sums[out * width + i] = (this.#sums[out * width + i] ?? 0) + weight * (this.#line[i] ?? 0);
    }
    this.#row++;
  }

  #filterColumns(rgba: Uint8Array | Uint8ClampedArray): void {
    for (let out = 0; out < this.#size.width; out++) {
      const { first, weights } = this.#columns[out] as Window;
      for (let channel = 0; channel < CHANNELS; channel++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++) sum += (weights[i] ?? 0) * (rgba[(first + i) * 4 + channel] ?? 0);
        this.#line[out * CHANNELS + channel] = sum;
      }
    }
  }

  /** `width * height * 3` bytes, RGB, once all rows have been given. */
  rgb(): Uint8Array {
    return Uint8Array.from(this.#sums, (sum) => Math.min(255, Math.max(0, Math.round(sum))));
  }
}
