import type { RowGrid } from "../types/rowScaled.js";
import type { Linalg } from "./linalg.js";
import type { Moments } from "./moments.js";

/** Of the mean of the moments' diagonal, added to each of its numbers. */
export const DAMPING = 0.001;

/** The weights of a linear layer `[n, k]` and the numbers that they may become. */
export interface Rounding {
  readonly n: number;
  readonly weights: Float32Array;
  readonly grid: RowGrid;
}

export interface Rounded {
  /** The whole numbers q of the grid, row-major `[n][k]`. */
  readonly numbers: Int8Array;
  /** What the outputs lose in the mean, by rounded weights and by rounded inputs, `[n]`. */
  readonly bias: Float64Array;
  /** Error of the outputs over the calibration rows, means taken away, over their own square. */
  readonly relativeError: number;
  /** The same of rounding each weight to the nearest number of the same grid. */
  readonly nearestError: number;
}

/** The moments are of no use as they are: row `pivot` of their Cholesky factor is not above zero. */
export class NotPositiveDefinite extends Error {
  override readonly name = "NotPositiveDefinite";
  readonly pivot: number;

  constructor(pivot: number, k: number, count: number) {
    super(`second moments of ${count} rows of ${k} numbers have no Cholesky factor (pivot ${pivot})`);
    this.pivot = pivot;
  }
}

/**
 * Rounds weights against the moments of their inputs (GPTQ, Frantar et al., arXiv 2210.17323): columns in the order of
 * falling variance, grids fixed before, so that groups keep their steps whatever the order. Where rounding to nearest
 * loses less, that is the answer. Throws NotPositiveDefinite.
 */
export function roundAgainst(linalg: Linalg, moments: Moments, layers: readonly Rounding[]): Rounded[] {
  const { k, covariance } = moments;
  const mark = linalg.mark();
  try {
    const order = columnOrder(covariance, k);
    const whole = linalg.take(k * k * 8);
    linalg.doubles(whole, k * k).set(covariance);
    const factor = factorise(linalg, moments, order);
    return layers.map((layer) => roundLayer(linalg, moments, whole, factor, order, layer));
  } finally {
    linalg.release(mark);
  }
}

/** Columns by falling variance; equal ones in their own order. */
function columnOrder(covariance: Float64Array, k: number): Uint32Array {
  const variance = (i: number) => covariance[i * k + i] as number;
  return Uint32Array.from({ length: k }, (_, i) => i).sort((a, b) => variance(b) - variance(a) || a - b);
}

/**
 * The place of the Cholesky factor that `roundColumns` wants, or undefined where all inputs are constant, and nothing
 * tells one rounding from another.
 */
function factorise(linalg: Linalg, moments: Moments, order: Uint32Array): number | undefined {
  const { k, covariance, count } = moments;
  let trace = 0;
  for (let i = 0; i < k; i++) trace += covariance[i * k + i] as number;
  if (trace <= 0) return undefined;
  const place = linalg.take(k * k * 8);
  const scratch = linalg.takeScratch(k);
  const reversed = linalg.doubles(place, k * k);
  for (let i = 0; i < k; i++) {
    const row = (order[k - 1 - i] as number) * k;
    for (let j = i; j < k; j++) reversed[i * k + j] = covariance[row + (order[k - 1 - j] as number)] as number;
    reversed[i * k + i] = (reversed[i * k + i] as number) + (DAMPING * trace) / k;
  }
  const done = linalg.calls.cholesky(place, k, scratch);
  if (done < k) throw new NotPositiveDefinite(done, k, count);
  return place;
}

function roundLayer(
  linalg: Linalg,
  moments: Moments,
  whole: number,
  factor: number | undefined,
  order: Uint32Array,
  layer: Rounding,
): Rounded {
  const { k } = moments;
  const { n, weights } = layer;
  const mark = linalg.mark();
  const nearest = roundToNearest(layer, k);
  const columns = linalg.take(k * n * 8);
  const product = linalg.take(k * n * 8);
  const scratch = linalg.takeScratch(Math.max(k, n));
  const square = (rows: (i: number) => number) => {
    const transposed = linalg.doubles(columns, k * n);
    for (let row = 0; row < n; row++)
      for (let column = 0; column < k; column++) transposed[column * n + row] = rows(row * k + column);
    return linalg.calls.quadratic(whole, k, columns, n, product, scratch);
  };
  const lossOf = (numbers: Int8Array) => {
    const stored = valuesOf(numbers, layer, k);
    return { loss: square((i) => (weights[i] as number) - (stored[i] as number)), stored };
  };
  const power = square((i) => weights[i] as number);
  const plain = lossOf(nearest);
  let best = { numbers: nearest, ...plain };
  if (factor !== undefined) {
    const numbers = roundColumns(linalg, factor, order, layer, k);
    const chosen = lossOf(numbers);
    if (chosen.loss < best.loss) best = { numbers, ...chosen };
  }
  linalg.release(mark);
  const relative = (loss: number) => (power > 0 ? Math.max(0, loss) / power : 0);
  return {
    numbers: best.numbers,
    bias: meanLoss(weights, best.stored, n, moments),
    relativeError: relative(best.loss),
    nearestError: relative(plain.loss),
  };
}

function roundColumns(linalg: Linalg, factor: number, order: Uint32Array, layer: Rounding, k: number): Int8Array {
  const { n, weights, grid } = layer;
  const groups = Math.ceil(k / grid.group);
  const errors = linalg.take(k * n * 8);
  const asked = linalg.take(k * n * 8);
  const numbers = linalg.take(k * n);
  const scales = linalg.take(n * 8);
  const steps = linalg.take(groups * n * 8);
  const groupOf = linalg.take(k * 4);
  const record = linalg.take(32);
  const scratch = linalg.takeScratch(Math.max(k, n));
  const columns = linalg.doubles(errors, k * n);
  for (let at = 0; at < k; at++) {
    const column = order[at] as number;
    for (let row = 0; row < n; row++) columns[at * n + row] = weights[row * k + column] as number;
  }
  linalg.doubles(asked, k * n).fill(0);
  linalg.doubles(scales, n).set(grid.scales);
  const stepRows = linalg.doubles(steps, groups * n);
  for (let row = 0; row < n; row++)
    for (let group = 0; group < groups; group++) stepRows[group * n + row] = grid.steps[row * groups + group] as number;
  linalg.words(groupOf, k).set(order.map((column) => Math.floor(column / grid.group)));
  linalg.words(record, 3).set([scales, steps, groupOf]);
  linalg.doubles(record + 16, 2).set([grid.low, grid.high]);
  linalg.calls.roundColumns(factor, k, n, errors, asked, numbers, record, scratch);
  const found = linalg.bytes(numbers, k * n);
  const result = new Int8Array(n * k);
  for (let at = 0; at < k; at++) {
    const column = order[at] as number;
    for (let row = 0; row < n; row++) result[row * k + column] = found[at * n + row] as number;
  }
  return result;
}

function roundToNearest({ n, weights, grid }: Rounding, k: number): Int8Array {
  const numbers = new Int8Array(n * k);
  eachWeight(grid, n, k, (i, scale, step) => {
    const wanted = scale === 0 ? 0 : Math.floor((weights[i] as number) / (scale * step) + 0.5);
    numbers[i] = Math.min(Math.max(wanted, grid.low), grid.high);
  });
  return numbers;
}

/** What the numbers of a grid stand for. */
function valuesOf(numbers: Int8Array, { n, grid }: Rounding, k: number): Float32Array {
  const values = new Float32Array(n * k);
  eachWeight(grid, n, k, (i, scale, step) => {
    values[i] = scale * Math.min(Math.max((numbers[i] as number) * step, -128), 127);
  });
  return values;
}

function eachWeight(
  grid: RowGrid,
  n: number,
  k: number,
  visit: (i: number, scale: number, step: number) => void,
): void {
  const groups = Math.ceil(k / grid.group);
  for (let row = 0; row < n; row++) {
    const scale = grid.scales[row] as number;
    for (let column = 0; column < k; column++)
      visit(row * k + column, scale, grid.steps[row * groups + Math.floor(column / grid.group)] as number);
  }
}

function meanLoss(
  weights: Float32Array,
  stored: Float32Array,
  n: number,
  { k, mean, exactMean }: Moments,
): Float64Array {
  const bias = new Float64Array(n);
  for (let row = 0; row < n; row++) {
    let sum = 0;
    for (let i = 0; i < k; i++) {
      const at = row * k + i;
      sum += (weights[at] as number) * (exactMean[i] as number) - (stored[at] as number) * (mean[i] as number);
    }
    bias[row] = sum;
  }
  return bias;
}
