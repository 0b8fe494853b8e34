import { describe, expect, test } from "vitest";
import { seededNormals } from "../testing/seededRandom.js";
import { chooseChannels, chooseGroups } from "./choose.js";
import { type InputMoments, type LinearLayer, refit } from "./refit.js";

const K = 24;
const N = 5;
const ROWS = 400;

/** Rows whose columns are mixtures of `rank` sources around a mean far from zero. */
function mixed(rank: number, seed: number, noise = 0): Float64Array {
  const sources = seededNormals(seed, ROWS * rank);
  const mixture = seededNormals(seed + 1, rank * K);
  const own = seededNormals(seed + 2, ROWS * K);
  return Float64Array.from({ length: ROWS * K }, (_, at) => {
    const [row, column] = [Math.floor(at / K), at % K];
    let value = 3 + column / 4 + noise * (own[at] as number);
    for (let i = 0; i < rank; i++) value += (sources[row * rank + i] as number) * (mixture[i * K + column] as number);
    return value;
  });
}

function momentsOf(x: Float64Array): InputMoments {
  const mean = Float64Array.from({ length: K }, (_, c) => {
    let sum = 0;
    for (let row = 0; row < ROWS; row++) sum += x[row * K + c] as number;
    return sum / ROWS;
  });
  const covariance = Float64Array.from({ length: K * K }, (_, at) => {
    const [a, b] = [Math.floor(at / K), at % K];
    let sum = 0;
    for (let row = 0; row < ROWS; row++)
      sum += ((x[row * K + a] as number) - (mean[a] as number)) * ((x[row * K + b] as number) - (mean[b] as number));
    return sum / ROWS;
  });
  return { k: K, mean, covariance };
}

const layer: LinearLayer = { n: N, weight: seededNormals(9, N * K), bias: seededNormals(10, N) };

/** Outputs of a layer that reads `columns` of x. */
function outputs(x: Float64Array, weight: Float32Array, bias: Float32Array, columns: readonly number[]): number[] {
  return Array.from({ length: ROWS * N }, (_, at) => {
    const [row, n] = [Math.floor(at / N), at % N];
    return columns.reduce(
      (sum, column, i) => sum + (weight[n * columns.length + i] as number) * (x[row * K + column] as number),
      bias[n] as number,
    );
  });
}

/** Mean squared error over variance, from the rows themselves. */
function errorOf(x: Float64Array, columns: readonly number[], weight: Float32Array, bias: Float32Array): number {
  const all = Array.from({ length: K }, (_, i) => i);
  const expected = outputs(x, layer.weight, layer.bias as Float32Array, all);
  const actual = outputs(x, weight, bias, columns);
  const means = Array.from({ length: N }, (_, n) => {
    let sum = 0;
    for (let row = 0; row < ROWS; row++) sum += expected[row * N + n] as number;
    return sum / ROWS;
  });
  let error = 0;
  let variance = 0;
  expected.forEach((value, at) => {
    error += (value - (actual[at] as number)) ** 2;
    variance += (value - (means[at % N] as number)) ** 2;
  });
  return error / variance;
}

describe("the refit of a layer that loses columns", () => {
  const x = mixed(12, 1, 0.3);
  const moments = momentsOf(x);
  const columns = [0, 2, 3, 7, 8, 11, 13, 17, 18, 20, 23];

  test("leaves the error that it says, measured on the rows themselves", () => {
    const { weight, bias, relativeError } = refit(moments, layer, columns);
    expect(relativeError).toBeGreaterThan(1e-3);
    expect(relativeError).toBeCloseTo(errorOf(x, columns, weight, bias), 5);
  });

  test("is a minimum: no small change of a weight or a bias is better", () => {
    const { weight, bias } = refit(moments, layer, columns);
    const best = errorOf(x, columns, weight, bias);
    for (const step of [-0.01, 0.01]) {
      for (let i = 0; i < weight.length; i += 3) {
        const moved = weight.slice();
        moved[i] = (moved[i] as number) + step;
        expect(errorOf(x, columns, moved, bias)).toBeGreaterThan(best);
      }
      const shifted = bias.map((value) => value + step);
      expect(errorOf(x, columns, weight, shifted)).toBeGreaterThan(best);
    }
  });

  test("with all columns it is the layer itself", () => {
    const all = Array.from({ length: K }, (_, i) => i);
    expect(refit(moments, layer, all).relativeError).toBeLessThan(1e-6);
  });

  test("of columns that never move, their mean goes into the bias", () => {
    const still = Float64Array.from(x, (value, at) => (columns.includes(at % K) ? value : 5));
    const { weight, bias, relativeError } = refit(momentsOf(still), layer, columns);
    expect(relativeError).toBeLessThan(1e-8);
    expect(errorOf(still, columns, weight, bias)).toBeLessThan(1e-8);
  });
});

describe("the choice of channels", () => {
  test("as many as there are sources are enough", () => {
    const x = mixed(6, 5);
    const moments = momentsOf(x);
    const columns = chooseChannels(moments, layer, 6);
    expect(columns).toHaveLength(6);
    const { weight, bias, relativeError } = refit(moments, layer, columns);
    expect(relativeError).toBeLessThan(1e-4);
    expect(errorOf(x, columns, weight, bias)).toBeLessThan(1e-4);
  });

  test("is much better than the first ones, or the last", () => {
    const moments = momentsOf(mixed(16, 8, 0.05));
    const chosen = refit(moments, layer, chooseChannels(moments, layer, 12)).relativeError;
    const first = Array.from({ length: 12 }, (_, i) => i);
    expect(chosen).toBeLessThan(refit(moments, layer, first).relativeError);
    expect(chosen).toBeLessThan(
      refit(
        moments,
        layer,
        first.map((i) => i + 12),
      ).relativeError,
    );
  });

  test("nobody hears is not chosen before what is heard, and asking for more than vary still gives as many", () => {
    const x = mixed(3, 12);
    const deaf: LinearLayer = { ...layer, weight: layer.weight.map((value, at) => (at % K < 4 ? 0 : value)) };
    expect(chooseChannels(momentsOf(x), deaf, 3).every((column) => column >= 4)).toBe(true);
    const many = chooseChannels(momentsOf(x), deaf, 20);
    expect(new Set(many).size).toBe(20);
    expect(many).toEqual([...many].sort((a, b) => a - b));
  });
});

describe("the choice of heads", () => {
  test("of heads that say the same, one stays", () => {
    const width = 6;
    const own = mixed(12, 20, 0.1);
    // Heads 1 and 3 repeat heads 0 and 2.
    const x = own.map((_, at) => {
      const [row, column] = [Math.floor(at / K), at % K];
      const head = Math.floor(column / width);
      return own[row * K + (head % 2 === 1 ? column - width : column)] as number;
    });
    const moments = momentsOf(x);
    const kept = chooseGroups(moments, layer, width, 2);
    expect(new Set(kept.map((head) => Math.floor(head / 2)))).toEqual(new Set([0, 1]));
    const columns = kept.flatMap((head) => Array.from({ length: width }, (_, i) => head * width + i));
    expect(refit(moments, layer, columns).relativeError).toBeLessThan(1e-6);
  });
});
