import { expect, test } from "vitest";
import { seededNormals } from "../../testing/seededRandom.js";
import { storageTypes } from "../types/index.js";
import type { RowGrid } from "../types/rowScaled.js";
import { DAMPING, NotPositiveDefinite, type Rounding, roundAgainst } from "./gptq.js";
import { compileLinalg, Linalg } from "./linalg.js";
import { MomentGatherer, type Moments } from "./moments.js";

const module = await compileLinalg();

/** Rows of k numbers that hang together, on a mean that is far larger than what they differ by. */
function correlatedRows(seed: number, count: number, k: number, mean = 100): Float32Array<ArrayBuffer> {
  const noise = seededNormals(seed, count * k, 1);
  const mix = seededNormals(seed + 1, k * k, 1 / Math.sqrt(k));
  const rows = new Float32Array(count * k);
  for (let r = 0; r < count; r++) {
    for (let j = 0; j < k; j++) {
      let sum = mean;
      for (let i = 0; i < k; i++)
        sum += (noise[r * k + i] as number) * (mix[i * k + j] as number) * (i < k / 4 ? 3 : 0.1);
      rows[r * k + j] = sum;
    }
  }
  return rows;
}

function add(gatherer: MomentGatherer, rows: Float32Array, k: number): void {
  gatherer.add(rows, new Float64Array(rows.length / k).fill(1));
}

/** Rows as the runtime rounds them before an integer layer. */
function rounded(rows: Float32Array, k: number): Float32Array {
  return rows.map((value, i) => {
    const row = rows.subarray(i - (i % k), i - (i % k) + k);
    const unit = row.reduce((most, other) => Math.max(most, Math.abs(other)), 0) / 127;
    return Math.round(value / unit) * unit;
  });
}

function momentsOf(linalg: Linalg, rows: Float32Array, k: number): Moments {
  const gatherer = new MomentGatherer(linalg, k);
  const half = Math.floor(rows.length / k / 2) * k;
  add(gatherer, rows.subarray(0, half), k);
  add(gatherer, rows.subarray(half), k);
  return gatherer.result();
}

/** Mean and covariance by their definition. */
function plainMoments(rows: Float32Array, k: number): { mean: number[]; covariance: number[] } {
  const count = rows.length / k;
  const mean = Array.from({ length: k }, (_, i) => {
    let sum = 0;
    for (let r = 0; r < count; r++) sum += rows[r * k + i] as number;
    return sum / count;
  });
  const covariance: number[] = [];
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) {
      let sum = 0;
      for (let r = 0; r < count; r++)
        sum +=
          ((rows[r * k + i] as number) - (mean[i] as number)) * ((rows[r * k + j] as number) - (mean[j] as number));
      covariance.push(sum / count);
    }
  }
  return { mean, covariance };
}

/** The inverse of a symmetric positive definite matrix, by Gauss and Jordan. */
function inverse(a: readonly number[], k: number): number[] {
  const m = Array.from({ length: k }, (_, i) => [
    ...a.slice(i * k, (i + 1) * k),
    ...Array.from({ length: k }, (_, j) => (i === j ? 1 : 0)),
  ]);
  for (let i = 0; i < k; i++) {
    const pivot = m[i] as number[];
    const by = pivot[i] as number;
    for (let j = 0; j < 2 * k; j++) pivot[j] = (pivot[j] as number) / by;
    for (const [other, row] of m.entries()) {
      if (other === i) continue;
      const factor = row[i] as number;
      for (let j = 0; j < 2 * k; j++) row[j] = (row[j] as number) - factor * (pivot[j] as number);
    }
  }
  return m.flatMap((row) => row.slice(k));
}

/** GPTQ as its paper has it: the inverse of what is left is brought up to date after every column. */
function paperGptq(
  weights: Float32Array,
  n: number,
  k: number,
  covariance: readonly number[],
  grid: RowGrid,
): number[] {
  const diagonal = Array.from({ length: k }, (_, i) => covariance[i * k + i] as number);
  const damping = (DAMPING * diagonal.reduce((sum, value) => sum + value, 0)) / k;
  const damped = covariance.map((value, i) => (i % (k + 1) === 0 ? value + damping : value));
  const order = diagonal.map((_, i) => i).sort((a, b) => (diagonal[b] as number) - (diagonal[a] as number) || a - b);
  const left = Array.from(weights, Number);
  const numbers = new Array<number>(n * k).fill(0);
  for (let at = 0; at < k; at++) {
    const open = order.slice(at);
    const size = open.length;
    const h = inverse(
      open.flatMap((i) => open.map((j) => damped[i * k + j] as number)),
      size,
    );
    const column = open[0] as number;
    for (let row = 0; row < n; row++) {
      const scale = grid.scales[row] as number;
      const step = grid.steps[row * Math.ceil(k / grid.group) + Math.floor(column / grid.group)] as number;
      const w = left[row * k + column] as number;
      const q = Math.min(Math.max(Math.floor(w / (scale * step) + 0.5), grid.low), grid.high);
      numbers[row * k + column] = q;
      const error = (w - scale * Math.min(Math.max(q * step, -128), 127)) / (h[0] as number);
      open.forEach((i, j) => {
        left[row * k + i] = (left[row * k + i] as number) - error * (h[j] as number);
      });
    }
  }
  return numbers;
}

test("moments are those of rows in int8, about a mean that is a hundred times what rows differ by", () => {
  const k = 37;
  const rows = correlatedRows(5, 301, k);
  const moments = momentsOf(new Linalg(module), rows, k);
  const expected = plainMoments(rounded(rows, k), k);
  expect(moments.count).toBe(301);
  expected.mean.forEach((value, i) => {
    expect(moments.mean[i]).toBeCloseTo(value, 9);
  });
  plainMoments(rows, k).mean.forEach((value, i) => {
    expect(moments.exactMean[i]).toBeCloseTo(value, 9);
  });
  expected.covariance.forEach((value, i) => {
    expect(moments.covariance[i]).toBeCloseTo(value, 9);
  });
});

test("moments that were saved go on where they ended, to the last bit", () => {
  const k = 10;
  const [a, b] = [correlatedRows(1, 20, k), correlatedRows(2, 30, k)];
  const whole = new MomentGatherer(new Linalg(module), k);
  const first = new MomentGatherer(new Linalg(module), k);
  const second = new MomentGatherer(new Linalg(module), k);
  add(whole, a, k);
  add(whole, b, k);
  add(first, a, k);
  second.restore(first.save());
  add(second, b, k);
  expect(second.result()).toEqual(whole.result());
});

test("a row of weight 3 counts as three rows", () => {
  const k = 6;
  const rows = correlatedRows(4, 5, k);
  const weighted = new MomentGatherer(new Linalg(module), k);
  weighted.add(rows, Float64Array.from([1, 3, 1, 1, 1]));
  const repeated = new MomentGatherer(new Linalg(module), k);
  const second = rows.subarray(k, 2 * k);
  add(repeated, Float32Array.from([...rows, ...second, ...second]), k);
  const [a, b] = [weighted.result(), repeated.result()];
  a.mean.forEach((value, i) => {
    expect(value).toBeCloseTo(b.mean[i] as number, 9);
  });
  a.covariance.forEach((value, i) => {
    expect(value).toBeCloseTo(b.covariance[i] as number, 9);
  });
});

test("the Cholesky factor multiplies back to its matrix, over several blocks", () => {
  const linalg = new Linalg(module);
  const k = 300;
  const { covariance } = momentsOf(linalg, correlatedRows(9, 900, k), k);
  const place = linalg.take(k * k * 8);
  const scratch = linalg.takeScratch(k);
  linalg.doubles(place, k * k).set(covariance);
  expect(linalg.calls.cholesky(place, k, scratch)).toBe(k);
  const u = linalg.doubles(place, k * k);
  for (const [i, j] of [
    [0, 0],
    [3, 250],
    [127, 128],
    [200, 299],
    [299, 299],
  ] as const) {
    let sum = 0;
    for (let r = 0; r <= i; r++) sum += (u[r * k + i] as number) * (u[r * k + j] as number);
    expect(sum).toBeCloseTo(covariance[i * k + j] as number, 9);
  }
});

test.each(["i4", "i8"] as const)("%s: numbers are those of GPTQ as its paper has it", (name) => {
  const [n, k] = [5, 64];
  const rows = correlatedRows(11, 200, k);
  const weights = seededNormals(12, n * k, 0.05);
  const moments = momentsOf(new Linalg(module), rows, k);
  const grid = storageTypes[name].rowScaled?.grid(weights, n, k) as RowGrid;
  const [rounded] = roundAgainst(new Linalg(module), moments, [{ n, weights, grid }]);
  expect(Array.from(rounded?.numbers ?? [])).toEqual(paperGptq(weights, n, k, Array.from(moments.covariance), grid));
});

test.each(["i2", "i3", "i4", "i5", "i6", "i8"] as const)(
  "%s: outputs lose less than half of what rounding to nearest takes",
  (name) => {
    const type = storageTypes[name];
    for (let seed = 1; seed <= 5; seed++) {
      const [n, k] = [19, 160];
      const weights = seededNormals(seed, n * k, 0.05);
      const moments = momentsOf(new Linalg(module), correlatedRows(seed * 7, 400, k), k);
      const importance = moments.covariance.filter((_, i) => i % (k + 1) === 0);
      const layer: Rounding = { n, weights, grid: type.rowScaled?.grid(weights, n, k, importance) as RowGrid };
      const [rounded] = roundAgainst(new Linalg(module), moments, [layer]);
      expect(rounded?.relativeError).toBeLessThan(0.5 * (rounded?.nearestError as number));
      const stored = type.decode(
        type.rowScaled?.write(rounded?.numbers as Int8Array, layer.grid, n, k) as Uint8Array,
        n,
        k,
      );
      let [loss, power] = [0, 0];
      for (let row = 0; row < n; row++) {
        for (let i = 0; i < k; i++) {
          for (let j = 0; j < k; j++) {
            const h = moments.covariance[i * k + j] as number;
            const error = (at: number) => (weights[row * k + at] as number) - (stored[row * k + at] as number);
            loss += error(i) * h * error(j);
            power += (weights[row * k + i] as number) * h * (weights[row * k + j] as number);
          }
        }
      }
      expect(rounded?.relativeError).toBeCloseTo(loss / power, 9);
    }
  },
);

test("what is lost in the mean is told, so that a bias can give it back", () => {
  const [n, k] = [3, 32];
  const weights = seededNormals(2, n * k, 0.05);
  const linalg = new Linalg(module);
  const moments = momentsOf(linalg, correlatedRows(3, 100, k), k);
  const grid = storageTypes.i4.rowScaled?.grid(weights, n, k) as RowGrid;
  const [rounded] = roundAgainst(linalg, moments, [{ n, weights, grid }]);
  const stored = storageTypes.i4.decode(
    storageTypes.i4.rowScaled?.write(rounded?.numbers as Int8Array, grid, n, k) as Uint8Array,
    n,
    k,
  );
  for (let row = 0; row < n; row++) {
    let sum = 0;
    for (let i = 0; i < k; i++)
      sum +=
        (weights[row * k + i] as number) * (moments.exactMean[i] as number) -
        (stored[row * k + i] as number) * (moments.mean[i] as number);
    expect(rounded?.bias[row]).toBeCloseTo(sum, 6);
  }
});

test("inputs that never change leave rounding to nearest; numbers that are not finite are refused", () => {
  const [n, k] = [2, 32];
  const weights = seededNormals(2, n * k, 0.05);
  const linalg = new Linalg(module);
  const grid = storageTypes.i4.rowScaled?.grid(weights, n, k) as RowGrid;
  const constant = momentsOf(linalg, new Float32Array(4 * k).fill(3), k);
  expect(roundAgainst(linalg, constant, [{ n, weights, grid }])[0]?.relativeError).toBe(0);
  const wrong = momentsOf(linalg, correlatedRows(3, 8, k).fill(Number.NaN, 5, 6), k);
  expect(() => roundAgainst(linalg, wrong, [{ n, weights, grid }])).toThrow(NotPositiveDefinite);
});

test("a grid's numbers are stored as an encoder's own, padded rows too", () => {
  for (const name of ["i2", "i3", "i4", "i5", "i6", "i8"] as const) {
    const type = storageTypes[name];
    const weights = seededNormals(4, 5 * 64, 0.1);
    const grid = type.rowScaled?.grid(weights, 5, 64) as RowGrid;
    const linalg = new Linalg(module);
    const constant = momentsOf(linalg, new Float32Array(4 * 64).fill(3), 64);
    const [rounded] = roundAgainst(linalg, constant, [{ n: 5, weights, grid }]);
    const bytes = type.rowScaled?.write(rounded?.numbers as Int8Array, grid, 5, 64) as Uint8Array;
    expect(Buffer.from(bytes).equals(Buffer.from(type.encode(weights, 5, 64))), name).toBe(true);
  }
});
