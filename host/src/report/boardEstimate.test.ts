import { expect, test } from "vitest";
import {
  CYCLES_PER_ELEMENT,
  estimateBoardTime,
  MACS_PER_CYCLE,
  REFERENCE_BOARD,
  REFERENCE_WORKLOADS,
  referenceMisfits,
  TWO_CORE_SPEEDUP,
} from "./boardEstimate.js";

/** Sum of squared relative errors for other values of the two fitted constants. */
function misfitWith(macsPerCycle: number, cyclesPerElement: number): number {
  return REFERENCE_WORKLOADS.reduce((sum, { macs, weightBytes, activationElements, latencyMs }) => {
    const { cpuHz, weightBytesPerSecond } = REFERENCE_BOARD;
    const ms = 1000 * (macs / macsPerCycle / cpuHz + weightBytes / weightBytesPerSecond + (activationElements * cyclesPerElement) / cpuHz);
    return sum + (ms / latencyMs - 1) ** 2;
  }, 0);
}

test("the constants are the least-squares fit to the published speeds", () => {
  const fitted = misfitWith(MACS_PER_CYCLE, CYCLES_PER_ELEMENT);
  for (const factor of [0.97, 1.03]) {
    expect(misfitWith(MACS_PER_CYCLE * factor, CYCLES_PER_ELEMENT)).toBeGreaterThan(fitted);
    expect(misfitWith(MACS_PER_CYCLE, CYCLES_PER_ELEMENT * factor)).toBeGreaterThan(fitted);
  }
});

test("the misfit beside an estimate is that of the published workloads", () => {
  const errors = referenceMisfits().map(({ relativeError }) => relativeError);
  const { misfit, label } = estimateBoardTime([], REFERENCE_BOARD);
  expect(label).toBe("estimate");
  expect(misfit).toEqual([Math.min(...errors), Math.max(...errors)]);
  expect(misfit[0]).toBeLessThan(0);
  expect(misfit[1]).toBeLessThan(0.5);
});

test("a published workload comes out as its latency times its misfit", () => {
  for (const [index, workload] of REFERENCE_WORKLOADS.entries()) {
    const { relativeError } = referenceMisfits()[index] as { relativeError: number };
    expect(estimateBoardTime([workload], REFERENCE_BOARD).latencyMs).toBeCloseTo(workload.latencyMs * (1 + relativeError), 9);
  }
});

test("work adds up, two cores share it, and float weights cost more than int8", () => {
  const work = { macs: 1e8, weightBytes: 1e6, activationElements: 1e6 };
  const one = estimateBoardTime([work], REFERENCE_BOARD);
  expect(estimateBoardTime([work, work], REFERENCE_BOARD).latencyMs).toBeCloseTo(2 * one.latencyMs, 9);
  expect(estimateBoardTime([work], { ...REFERENCE_BOARD, cores: 2 }).latencyMs).toBeCloseTo(one.latencyMs / TWO_CORE_SPEEDUP, 9);
  expect(estimateBoardTime([{ ...work, weightType: "f32" }], REFERENCE_BOARD).computeMs).toBeGreaterThan(10 * one.computeMs);
  expect(one.latencyMs).toBeCloseTo(one.computeMs + one.weightReadMs + one.activationMs, 9);
});
