/** What the inputs of a linear layer are like: moments over rows, in double precision. */
export interface InputMoments {
  /** Columns of the input. */
  readonly k: number;
  readonly mean: Float64Array;
  /** `[k, k]`, about the mean, divided by the number of rows. */
  readonly covariance: Float64Array;
}

/** A linear layer `[n, k]` with its bias. */
export interface LinearLayer {
  readonly n: number;
  readonly weight: Float32Array;
  readonly bias: Float32Array | undefined;
}

export interface Refitted {
  /** `[n, columns]`. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  /** Mean squared error of the outputs on the inputs that the moments are of, over their variance. */
  readonly relativeError: number;
}

/** Added to the diagonal of what is inverted, as a share of its mean: equal columns would divide by zero. */
const RIDGE = 1e-5;

/**
 * The layer that computes from some columns of its input what it computed from all, as well as can be in least squares:
 * W' = W H[:,S] (H[S,S] + ridge)^-1, and the bias that keeps the mean of the outputs.
 */
export function refit(moments: InputMoments, layer: LinearLayer, columns: readonly number[]): Refitted {
  const { k, covariance, mean } = moments;
  const { n, weight, bias } = layer;
  const r = columns.length;
  const product = timesCovariance(layer, moments);
  const inner = Float64Array.from({ length: r * r }, (_, i) => {
    const row = columns[Math.floor(i / r)] as number;
    return covariance[row * k + (columns[i % r] as number)] as number;
  });
  let trace = 0;
  for (let i = 0; i < r; i++) trace += inner[i * r + i] as number;
  const ridge = Math.max((RIDGE * trace) / r, Number.MIN_VALUE);
  const damped = inner.slice();
  for (let i = 0; i < r; i++) damped[i * r + i] = (damped[i * r + i] as number) + ridge;
  const fitted = Float64Array.from(
    { length: n * r },
    (_, i) => product[Math.floor(i / r) * k + (columns[i % r] as number)] as number,
  );
  solveRows(choleskyOf(damped, r), r, fitted);

  const out = Float32Array.from(fitted);
  const newBias = new Float32Array(n);
  let before = 0;
  let left = 0;
  for (let row = 0; row < n; row++) {
    let shift = bias === undefined ? 0 : (bias[row] as number);
    for (let i = 0; i < k; i++) {
      const value = weight[row * k + i] as number;
      shift += value * (mean[i] as number);
      before += value * (product[row * k + i] as number);
    }
    for (let i = 0; i < r; i++) shift -= (out[row * r + i] as number) * (mean[columns[i] as number] as number);
    newBias[row] = shift;
    left += rowError(product, inner, out, { row, k, r, columns });
  }
  left += before;
  return { weight: out, bias: newBias, relativeError: before > 0 ? Math.max(0, left / before) : 0 };
}

/** w' H w' - 2 w' H w of one row: with w H w, the squared error of its output. */
function rowError(
  product: Float64Array,
  inner: Float64Array,
  fitted: Float32Array,
  { row, k, r, columns }: { row: number; k: number; r: number; columns: readonly number[] },
): number {
  let error = 0;
  for (let i = 0; i < r; i++) {
    const value = fitted[row * r + i] as number;
    let sum = -2 * (product[row * k + (columns[i] as number)] as number);
    for (let j = 0; j < r; j++) sum += (inner[i * r + j] as number) * (fitted[row * r + j] as number);
    error += value * sum;
  }
  return error;
}

/** W H, `[n, k]`. */
export function timesCovariance({ n, weight }: LinearLayer, { k, covariance }: InputMoments): Float64Array {
  const out = new Float64Array(n * k);
  for (let row = 0; row < n; row++) {
    const to = out.subarray(row * k, (row + 1) * k);
    for (let i = 0; i < k; i++) {
      const value = weight[row * k + i] as number;
      if (value === 0) continue;
      const from = covariance.subarray(i * k, (i + 1) * k);
      for (let j = 0; j < k; j++) to[j] = (to[j] as number) + value * (from[j] as number);
    }
  }
  return out;
}

/** The lower factor L of a symmetric positive definite `[n, n]` matrix, row-major. */
export function choleskyOf(matrix: Float64Array, n: number): Float64Array {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j] as number;
      for (let m = 0; m < j; m++) sum -= (l[i * n + m] as number) * (l[j * n + m] as number);
      // Rounding may leave a little less than nothing of a direction that others explain.
      l[i * n + j] = i === j ? Math.sqrt(Math.max(sum, Number.MIN_VALUE)) : sum / (l[j * n + j] as number);
    }
  }
  return l;
}

/** Solves X (L L^T) = B in place of B, whose rows have n values. */
export function solveRows(l: Float64Array, n: number, b: Float64Array): void {
  for (let at = 0; at < b.length; at += n) {
    const x = b.subarray(at, at + n);
    for (let i = 0; i < n; i++) {
      let sum = x[i] as number;
      for (let j = 0; j < i; j++) sum -= (l[i * n + j] as number) * (x[j] as number);
      x[i] = sum / (l[i * n + i] as number);
    }
    for (let i = n - 1; i >= 0; i--) {
      const value = (x[i] as number) / (l[i * n + i] as number);
      x[i] = value;
      for (let j = 0; j < i; j++) x[j] = (x[j] as number) - (l[i * n + j] as number) * value;
    }
  }
}
