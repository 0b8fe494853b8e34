// Measures what the kinds of work of the runtime cost in instructions of the chip's instruction set, under emulation,
// and writes host/src/report/instructionCosts.ts. After a change of kernels or of the compiler: npm run build && node
// scripts/count-instructions.mjs
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readPack } from "../host/dist/pack/readPack.js";
import { entryWork } from "../host/dist/report/kernelWork.js";
import { countInstructions } from "../host/dist/testing/countInstructions.js";
import { EXACT_CASES, REFERENCE_CASES } from "../host/dist/testing/opCases.js";
import { opPack } from "../host/dist/testing/opPack.js";
import { ROOT } from "./setup.mjs";

const samples = [];
for (const [cases, numeric] of [
  [EXACT_CASES, "exact"],
  [REFERENCE_CASES, "reference"],
]) {
  const pack = opPack(cases, numeric);
  const counted = await countInstructions(pack, "ops");
  const work = entryWork(readPack(pack, "ops").header, "ops");
  work.forEach(({ pieces }, i) => {
    const features = new Map();
    for (const [kind, count] of pieces.flatMap(({ terms }) => terms))
      features.set(kind, (features.get(kind) ?? 0) + count);
    samples.push({ features, counted: counted[i], name: JSON.stringify(cases[i]) });
  });
}
const kinds = [...new Set(samples.flatMap(({ features }) => [...features.keys()]))].sort();
const costs = nonNegativeLeastSquares(
  samples.map(({ features, counted }) => kinds.map((kind) => (features.get(kind) ?? 0) / counted)),
  samples.map(() => 1),
);
const errors = samples.map(({ features, counted, name }) => {
  const predicted = kinds.reduce((sum, kind, i) => sum + costs[i] * (features.get(kind) ?? 0), 0);
  return { name, error: predicted / counted - 1 };
});
errors.sort((a, b) => Math.abs(b.error) - Math.abs(a.error));
for (const { name, error } of errors.slice(0, 12)) process.stderr.write(`${(100 * error).toFixed(1)} %  ${name}\n`);

const lines = kinds.map(
  (kind, i) => `  ${/^\w+$/.test(kind) ? kind : `"${kind}"`}: ${Number(costs[i].toPrecision(4))},`,
);
writeFileSync(
  join(ROOT, "host", "src", "report", "instructionCosts.ts"),
  `/**
 * Instructions of one unit of each kind of work (kernelWork.ts), counted on the emulated RV32IMAFC core, which runs
 * what the chip's library runs. Made by scripts/count-instructions.mjs; a test counts again.
 */
export const INSTRUCTION_COSTS: Readonly<Record<string, number>> = {
${lines.join("\n")}
};
`,
);

/** Least |Ax - b| with x >= 0, by Lawson and Hanson (Solving Least Squares Problems, 1974, chapter 23). */
function nonNegativeLeastSquares(a, b) {
  const n = a[0].length;
  // Columns of one length, as counts of work differ by many orders of magnitude.
  const norms = Array.from({ length: n }, (_, j) => Math.hypot(...a.map((row) => row[j])));
  const scaled = a.map((row) => row.map((value, j) => value / norms[j]));
  const gram = Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => scaled.reduce((sum, row) => sum + row[i] * row[j], 0)),
  );
  const right = Array.from({ length: n }, (_, j) => scaled.reduce((sum, row, i) => sum + row[j] * b[i], 0));
  let x = new Array(n).fill(0);
  const passive = new Set();
  for (let round = 0; round < 10 * n; round++) {
    const gradient = right.map((value, j) => value - gram[j].reduce((sum, g, k) => sum + g * x[k], 0));
    const free = gradient.map((value, j) => (passive.has(j) ? Number.NEGATIVE_INFINITY : value));
    const best = free.indexOf(Math.max(...free));
    if (!(free[best] > 1e-9)) break;
    passive.add(best);
    for (;;) {
      const members = [...passive];
      const solution = solve(
        members.map((i) => members.map((j) => gram[i][j] + (i === j ? 1e-10 : 0))),
        members.map((i) => right[i]),
      );
      if (solution.every((value) => value > 0)) {
        x = new Array(n).fill(0);
        members.forEach((j, i) => {
          x[j] = solution[i];
        });
        break;
      }
      const step = Math.min(...members.map((j, i) => (solution[i] <= 0 ? x[j] / (x[j] - solution[i]) : 1)));
      members.forEach((j, i) => {
        x[j] += step * (solution[i] - x[j]);
        if (x[j] <= 1e-12) {
          x[j] = 0;
          passive.delete(j);
        }
      });
    }
  }
  return x.map((value, j) => value / norms[j]);
}

/** Gaussian elimination with partial pivoting. */
function solve(matrix, vector) {
  const n = vector.length;
  const m = matrix.map((row, i) => [...row, vector[i]]);
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(m[r][c]) > Math.abs(m[pivot][c])) pivot = r;
    [m[c], m[pivot]] = [m[pivot], m[c]];
    for (let r = c + 1; r < n; r++) {
      const factor = m[r][c] / m[c][c];
      for (let k = c; k <= n; k++) m[r][k] -= factor * m[c][k];
    }
  }
  const x = new Array(n).fill(0);
  for (let r = n - 1; r >= 0; r--)
    x[r] = (m[r][n] - m[r].slice(r + 1, n).reduce((sum, value, k) => sum + value * x[r + 1 + k], 0)) / m[r][r];
  return x;
}
