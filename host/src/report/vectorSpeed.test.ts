import { expect, test } from "vitest";
import {
  CYCLES_PER_ELEMENT,
  CYCLES_PER_WEIGHT,
  MACS_PER_CYCLE,
  PSRAM_BYTES_PER_SECOND,
  REFERENCE_WORKLOADS,
  referenceMisfits,
  vectorMisfit,
} from "./vectorSpeed.js";

/** Sum of squared relative errors for other values of the three fitted constants. */
function misfitWith(macsPerCycle: number, cyclesPerWeight: number, cyclesPerElement: number): number {
  return REFERENCE_WORKLOADS.reduce((sum, { macs, weights, activationElements, weightsIn, cpuHz, latencyMs }) => {
    const cycles = macs / macsPerCycle + weights * cyclesPerWeight + activationElements * cyclesPerElement;
    const ms = 1000 * (cycles / cpuHz + (weightsIn === "psram" ? weights / PSRAM_BYTES_PER_SECOND : 0));
    return sum + (ms / latencyMs - 1) ** 2;
  }, 0);
}

test("the constants are the least-squares fit to the published speeds", () => {
  const fitted = misfitWith(MACS_PER_CYCLE, CYCLES_PER_WEIGHT, CYCLES_PER_ELEMENT);
  expect(fitted).toBeCloseTo(
    referenceMisfits().reduce((sum, { relativeError }) => sum + relativeError ** 2, 0),
    12,
  );
  for (const factor of [0.97, 1.03]) {
    expect(misfitWith(MACS_PER_CYCLE * factor, CYCLES_PER_WEIGHT, CYCLES_PER_ELEMENT)).toBeGreaterThan(fitted);
    expect(misfitWith(MACS_PER_CYCLE, CYCLES_PER_WEIGHT * factor, CYCLES_PER_ELEMENT)).toBeGreaterThan(fitted);
    expect(misfitWith(MACS_PER_CYCLE, CYCLES_PER_WEIGHT, CYCLES_PER_ELEMENT * factor)).toBeGreaterThan(fitted);
  }
});

test("the newest published figures are the ones that count, each with its clock and silicon", () => {
  const latency = (name: string) => REFERENCE_WORKLOADS.find((each) => each.name.startsWith(name))?.latencyMs;
  expect([
    latency("MobileNetV2 224"),
    latency("vector by matrix, 1024x256"),
    latency("vector by matrix, 512x384"),
  ]).toEqual([164.6, 0.28, 0.211]);
  for (const { cpuHz, silicon, source } of REFERENCE_WORKLOADS) {
    expect(cpuHz).toBe(360e6);
    expect(silicon).not.toBe("");
    expect(source).not.toBe("");
  }
});

test("the misfit spans the published workloads, and the model is slow on some and fast on others", () => {
  const errors = referenceMisfits().map(({ relativeError }) => relativeError);
  expect(vectorMisfit()).toEqual([Math.min(...errors), Math.max(...errors)]);
  expect(vectorMisfit()[0]).toBeLessThan(0);
  expect(vectorMisfit()[1]).toBeLessThan(0.5);
});
