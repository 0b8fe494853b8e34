/** Keeps the solution finite where latents have collapsed; by row, as training/diagnostics.py has it. */
const RIDGE = 1e-6;

/** A linear map with intercept from latents to the numbers of a state: weights `[width + 1][states]`. */
export interface LinearProbe {
  readonly weights: readonly Float64Array[];
  readonly means: readonly number[];
}

/** Ridge regression, in double precision, of `states[n]` on `latents[n]`. At least one row. */
export function fitProbe(latents: readonly ArrayLike<number>[], states: readonly ArrayLike<number>[]): LinearProbe {
  const width = (latents[0] as ArrayLike<number>).length + 1;
  const outputs = (states[0] as ArrayLike<number>).length;
  const means = columnMeans(states);
  const gram = Array.from({ length: width }, () => new Float64Array(width));
  const moments = Array.from({ length: width }, () => new Float64Array(outputs));
  for (const [at, latent] of latents.entries()) {
    const row = withOne(latent);
    const state = states[at] as ArrayLike<number>;
    for (let i = 0; i < width; i++) {
      const value = row[i] as number;
      const line = gram[i] as Float64Array;
      for (let j = 0; j <= i; j++) line[j] = (line[j] as number) + value * (row[j] as number);
      const moment = moments[i] as Float64Array;
      for (let k = 0; k < outputs; k++)
        moment[k] = (moment[k] as number) + value * ((state[k] as number) - (means[k] as number));
    }
  }
  for (let i = 0; i < width; i++) {
    const line = gram[i] as Float64Array;
    line[i] = (line[i] as number) + RIDGE * latents.length;
  }
  return { weights: solveCholesky(gram, moments), means };
}

/** R2 of a probe's answers on `latents`, about the mean of `states`, averaged over the numbers of a state that vary. */
export function probeR2(
  { weights, means }: LinearProbe,
  latents: readonly ArrayLike<number>[],
  states: readonly ArrayLike<number>[],
): number {
  const own = columnMeans(states);
  const left = means.map(() => 0);
  const total = means.map(() => 0);
  for (const [at, latent] of latents.entries()) {
    const row = withOne(latent);
    const state = states[at] as ArrayLike<number>;
    for (const [k, mean] of means.entries()) {
      const answer = row.reduce((sum, value, i) => sum + value * ((weights[i] as Float64Array)[k] as number), mean);
      left[k] = (left[k] as number) + ((state[k] as number) - answer) ** 2;
      total[k] = (total[k] as number) + ((state[k] as number) - (own[k] as number)) ** 2;
    }
  }
  const varying = total.flatMap((sum, k) => (sum > 0 ? [1 - (left[k] as number) / sum] : []));
  return varying.reduce((sum, value) => sum + value, 0) / varying.length;
}

/** Solves `gram x = moments` for a positive definite matrix, of which the lower triangle is given and overwritten. */
function solveCholesky(gram: readonly Float64Array[], moments: readonly Float64Array[]): Float64Array[] {
  const size = gram.length;
  const at = (i: number, j: number) => (gram[i] as Float64Array)[j] as number;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = at(i, j);
      for (let k = 0; k < j; k++) sum -= at(i, k) * at(j, k);
      (gram[i] as Float64Array)[j] = i === j ? Math.sqrt(sum) : sum / at(j, j);
    }
  }
  const solved = moments.map((row) => row.slice());
  const column = (i: number, k: number) => (solved[i] as Float64Array)[k] as number;
  const outputs = (moments[0] as Float64Array).length;
  for (let k = 0; k < outputs; k++) {
    for (let i = 0; i < size; i++) {
      let sum = column(i, k);
      for (let j = 0; j < i; j++) sum -= at(i, j) * column(j, k);
      (solved[i] as Float64Array)[k] = sum / at(i, i);
    }
    for (let i = size - 1; i >= 0; i--) {
      let sum = column(i, k);
      for (let j = i + 1; j < size; j++) sum -= at(j, i) * column(j, k);
      (solved[i] as Float64Array)[k] = sum / at(i, i);
    }
  }
  return solved;
}

function columnMeans(rows: readonly ArrayLike<number>[]): number[] {
  return Array.from(
    rows[0] as ArrayLike<number>,
    (_, k) => rows.reduce((sum, row) => sum + (row[k] as number), 0) / rows.length,
  );
}

function withOne(latent: ArrayLike<number>): Float64Array {
  const row = new Float64Array(latent.length + 1).fill(1);
  row.set(latent);
  return row;
}
