import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readPack } from "../pack/readPack.js";
import { type OpCase, opPack } from "../testing/opPack.js";
import {
  type BoardEstimate,
  CYCLES_PER_INSTRUCTION,
  estimateBoardTime,
  instructionsOf,
  REFERENCE_BOARD,
} from "./boardEstimate.js";
import { entryWork, type OpWork } from "./kernelWork.js";
import { vectorCycles } from "./vectorSpeed.js";

const TWO_CORES = { ...REFERENCE_BOARD, cores: 2 };

function workOf(...cases: OpCase[]): OpWork[] {
  return entryWork(readPack(opPack(cases), "ops").header, "ops");
}

const estimateOf = (each: OpCase, board = REFERENCE_BOARD): BoardEstimate => estimateBoardTime(workOf(each), board);
const layer = (m: number, type: "i8" | "f16" | "f32" = "i8"): OpCase => ({ op: "linear", type, m, n: 192, k: 192 });

test("a layer takes the time of its counted instructions and of reading its weights, and never that of kernels that are not there", () => {
  const [work] = workOf(layer(257)) as [OpWork];
  const estimate = estimateOf(layer(257));
  expect(work.macs).toBe(257 * 192 * 192);
  // 3.3 to 3.7 instructions a multiply-accumulate are counted in int8.
  expect(instructionsOf(work) / work.macs).toBeGreaterThan(3.3);
  expect(instructionsOf(work) / work.macs).toBeLessThan(3.7);
  expect(estimate.builtInstructions).toBe(instructionsOf(work));
  expect(estimate.builtComputeMs).toBeCloseTo((1000 * instructionsOf(work) * CYCLES_PER_INSTRUCTION) / 360e6, 9);
  expect(estimate.builtWeightReadMs).toBeCloseTo((1000 * work.weightBytes) / 170e6, 9);
  expect(estimate.builtLatencyMs).toBeCloseTo(estimate.builtComputeMs + estimate.builtWeightReadMs, 9);
  expect(estimate.vectorComputeMs).toBeCloseTo((1000 * vectorCycles(work)) / 360e6, 9);
  expect(estimate.builtLatencyMs).toBeGreaterThan(10 * estimate.vectorLatencyMs);
});

test("work adds up", () => {
  const one = estimateOf(layer(16));
  const two = estimateBoardTime(workOf(layer(16), layer(16)), REFERENCE_BOARD);
  expect(two.builtLatencyMs).toBeCloseTo(2 * one.builtLatencyMs, 9);
  expect(two.vectorLatencyMs).toBeCloseTo(2 * one.vectorLatencyMs, 9);
});

test("cores share what parallel_for hands out, and nothing else", () => {
  // 12 panels of 257 rows are 12 chunks; 12 panels of one row are one.
  expect(estimateOf(layer(257), TWO_CORES).builtCoresBusy).toBeGreaterThan(1.95);
  expect(estimateOf(layer(1), TWO_CORES).builtLatencyMs).toBeCloseTo(estimateOf(layer(1)).builtLatencyMs, 12);
  // Three heads are three chunks: one core has two of them.
  const heads = (count: number): OpCase => ({
    op: "attention",
    compute: "i8",
    m: 64,
    heads: count,
    dim: 64,
    causal: false,
  });
  expect(estimateOf(heads(3), TWO_CORES).builtCoresBusy).toBeCloseTo(1.5, 1);
  expect(estimateOf(heads(4), TWO_CORES).builtCoresBusy).toBeGreaterThan(1.95);
  // No published figure says what a second core gives vector kernels.
  expect(estimateOf(layer(257), TWO_CORES).vectorLatencyMs).toBe(estimateOf(layer(257)).vectorLatencyMs);
});

test.each(["f16", "f32"] as const)(
  "%s weights are timed as the scalar code that they are, with vector kernels too",
  (type) => {
    const estimate = estimateOf(layer(64, type));
    expect(estimate.vectorComputeMs).toBeCloseTo(estimate.builtComputeMs, 9);
    expect(estimate.vectorComputeMs).toBeGreaterThan(10 * estimateOf(layer(64)).vectorComputeMs);
  },
);

test("the small model's encode takes longer as built than vector kernels would", () => {
  const { header } = readPack(
    readFileSync(new URL("../../../sim/fixtures/lewm-test.syn", import.meta.url)),
    "lewm-test.syn",
  );
  for (const { name } of header.entries) {
    const estimate = estimateBoardTime(entryWork(header, name), TWO_CORES);
    expect(estimate).toMatchObject({ label: "estimate", cyclesPerInstruction: 1 });
    expect(estimate.builtLatencyMs).toBeGreaterThan(estimate.vectorLatencyMs);
  }
});
