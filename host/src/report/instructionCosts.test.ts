import { readFileSync } from "node:fs";
import { qemuMissing } from "synapse-engine/testing/qemu";
import { describe, expect, test } from "vitest";
import { readPack } from "../pack/readPack.js";
import { countInstructions } from "../testing/countInstructions.js";
import { EXACT_CASES, HELD_OUT_CASES, REFERENCE_CASES } from "../testing/opCases.js";
import { opPack } from "../testing/opPack.js";
import { instructionsOf } from "./boardEstimate.js";
import { INSTRUCTION_COSTS } from "./instructionCosts.js";
import { entryWork } from "./kernelWork.js";

/** How far an op's counted instructions may be from what the table says, and a whole entry's. */
const OP_TOLERANCE = 0.1;
const ENTRY_TOLERANCE = 0.05;

test("every kind of work that a pack can ask for has a cost", () => {
  for (const [cases, numeric] of [
    [[...EXACT_CASES, ...HELD_OUT_CASES], "exact"],
    [REFERENCE_CASES, "reference"],
  ] as const) {
    const work = entryWork(readPack(opPack(cases, numeric), "ops").header, "ops");
    expect(work.length).toBe(cases.length);
    for (const op of work) expect(instructionsOf(op)).toBeGreaterThan(0);
  }
  expect(Object.values(INSTRUCTION_COSTS).every((cost) => cost >= 0)).toBe(true);
});

describe.skipIf(qemuMissing() !== undefined)("counted again on the emulated core", { timeout: 300_000 }, () => {
  test(`shapes that the table was not made of are within ${100 * OP_TOLERANCE} %`, async () => {
    const pack = opPack(HELD_OUT_CASES);
    const work = entryWork(readPack(pack, "ops").header, "ops");
    const counted = await countInstructions(pack, "ops");
    expect(counted.length).toBe(work.length);
    const far = work.flatMap((op, i) => {
      const error = instructionsOf(op) / (counted[i] as number) - 1;
      return Math.abs(error) <= OP_TOLERANCE
        ? []
        : [`${JSON.stringify(HELD_OUT_CASES[i])}: ${(100 * error).toFixed(1)} %`];
    });
    expect(far).toEqual([]);
  });

  test(`both entries of a packed model are within ${100 * ENTRY_TOLERANCE} %`, async () => {
    const file = readFileSync(new URL("../../../sim/fixtures/lewm-test.syn", import.meta.url));
    const { header } = readPack(file, "lewm-test.syn");
    for (const { name } of header.entries) {
      const counted = (await countInstructions(file, name)).reduce((sum, each) => sum + each, 0);
      const said = entryWork(header, name).reduce((sum, op) => sum + instructionsOf(op), 0);
      expect(Math.abs(said / counted - 1), `${name}: ${said} of ${counted}`).toBeLessThanOrEqual(ENTRY_TOLERANCE);
    }
  });
});
