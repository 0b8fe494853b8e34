import { choleskyOf, type InputMoments, type LinearLayer, solveRows, timesCovariance } from "./refit.js";

/** A column of which so little of its variance is left says nothing that those before it do not. */
const SPENT = 1e-12;

/**
 * The `keep` channels from which the layer's outputs can best be computed: pivoted Cholesky of its input's covariance,
 * each column in proportion to the weights that listen to it. Every pivot is the column of which the ones before it
 * explain least (Golub and Van Loan, Matrix Computations, 4.2.8). Channels that add nothing are taken only when the
 * others are used up. Ascending.
 */
export function chooseChannels(moments: InputMoments, layer: LinearLayer, keep: number): number[] {
  const { k, covariance } = moments;
  const heard = columnNorms(layer, k);
  const scaled = (i: number, j: number) =>
    (covariance[i * k + j] as number) * (heard[i] as number) * (heard[j] as number);
  const left = Float64Array.from({ length: k }, (_, i) => scaled(i, i));
  const limit = SPENT * left.reduce((max, value) => Math.max(max, value), 0);
  const rows: Float64Array[] = [];
  const chosen: number[] = [];
  while (chosen.length < keep) {
    const pivot = indexOfLargest(left, chosen);
    if ((left[pivot] as number) <= limit) break;
    const root = Math.sqrt(left[pivot] as number);
    const row = Float64Array.from({ length: k }, (_, j) => scaled(pivot, j));
    for (const before of rows) {
      const factor = before[pivot] as number;
      for (let j = 0; j < k; j++) row[j] = (row[j] as number) - factor * (before[j] as number);
    }
    for (let j = 0; j < k; j++) {
      const value = (row[j] as number) / root;
      row[j] = value;
      left[j] = (left[j] as number) - value * value;
    }
    rows.push(row);
    chosen.push(pivot);
  }
  return filled(chosen, keep, (i) => scaled(i, i), k);
}

/**
 * The `keep` groups of `columns` neighbouring columns (attention heads) from which the layer's outputs can best be
 * computed: one after the other, always the group that explains most of what the ones before it leave. Ascending.
 */
export function chooseGroups(moments: InputMoments, layer: LinearLayer, columns: number, keep: number): number[] {
  const { k } = moments;
  const groups = k / columns;
  const covariance = moments.covariance.slice();
  const product = timesCovariance(layer, moments);
  const chosen: number[] = [];
  while (chosen.length < keep) {
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let group = 0; group < groups; group++) {
      if (chosen.includes(group)) continue;
      const gain = explained(covariance, product, layer.n, k, group * columns, columns);
      if (gain <= most) continue;
      most = gain;
      best = group;
    }
    chosen.push(best);
    takeOut(covariance, product, layer.n, k, best * columns, columns);
  }
  return chosen.sort((a, b) => a - b);
}

/** How much of the outputs' variance the columns from `start` on explain by themselves. */
function explained(h: Float64Array, product: Float64Array, n: number, k: number, start: number, count: number): number {
  const factor = choleskyOf(block(h, k, start, count), count);
  const rows = new Float64Array(n * count);
  for (let row = 0; row < n; row++) rows.set(product.subarray(row * k + start, row * k + start + count), row * count);
  const solved = rows.slice();
  solveRows(factor, count, solved);
  return rows.reduce((sum, value, i) => sum + value * (solved[i] as number), 0);
}

/** Leaves of covariance and products what the columns from `start` on do not explain: a Schur complement. */
function takeOut(h: Float64Array, product: Float64Array, n: number, k: number, start: number, count: number): void {
  const factor = choleskyOf(block(h, k, start, count), count);
  const across = new Float64Array(k * count);
  for (let row = 0; row < k; row++) across.set(h.subarray(row * k + start, row * k + start + count), row * count);
  for (const [matrix, rows] of [
    [product, n],
    [h, k],
  ] as const) {
    const coefficients = new Float64Array(rows * count);
    for (let row = 0; row < rows; row++)
      coefficients.set(matrix.subarray(row * k + start, row * k + start + count), row * count);
    solveRows(factor, count, coefficients);
    for (let row = 0; row < rows; row++) {
      const own = coefficients.subarray(row * count, (row + 1) * count);
      for (let column = 0; column < k; column++) {
        let sum = 0;
        for (let i = 0; i < count; i++) sum += (own[i] as number) * (across[column * count + i] as number);
        matrix[row * k + column] = (matrix[row * k + column] as number) - sum;
      }
    }
  }
}

function block(h: Float64Array, k: number, start: number, count: number): Float64Array {
  const out = new Float64Array(count * count);
  let trace = 0;
  for (let i = 0; i < count; i++) {
    out.set(h.subarray((start + i) * k + start, (start + i) * k + start + count), i * count);
    trace += out[i * count + i] as number;
  }
  const ridge = Math.max((1e-6 * trace) / count, Number.MIN_VALUE);
  for (let i = 0; i < count; i++) out[i * count + i] = (out[i * count + i] as number) + ridge;
  return out;
}

function columnNorms({ n, weight }: LinearLayer, k: number): Float64Array {
  const squares = new Float64Array(k);
  for (let row = 0; row < n; row++)
    for (let i = 0; i < k; i++) squares[i] = (squares[i] as number) + (weight[row * k + i] as number) ** 2;
  return squares.map(Math.sqrt);
}

function indexOfLargest(values: Float64Array, taken: readonly number[]): number {
  const skipped = new Set(taken);
  let best = -1;
  for (let i = 0; i < values.length; i++)
    if (!skipped.has(i) && (best < 0 || (values[i] as number) > (values[best] as number))) best = i;
  return best;
}

/** As many as were asked for, with the largest of those that add nothing. Ascending. */
function filled(chosen: readonly number[], keep: number, size: (i: number) => number, k: number): number[] {
  const taken = new Set(chosen);
  const rest = Array.from({ length: k }, (_, i) => i).filter((i) => !taken.has(i));
  rest.sort((a, b) => size(b) - size(a) || a - b);
  return [...chosen, ...rest.slice(0, keep - chosen.length)].sort((a, b) => a - b);
}
