import type { EntryInfo, PortInfo } from "synapse-sim";
import { expect, test } from "vitest";
import { floatsOf, seededInputs, unitFloat, xorshift32 } from "./seededInputs.js";

test("the generator is Marsaglia's xorshift32 with 13, 17, 5", () => {
  const next = xorshift32(1);
  expect([next(), next(), next()]).toEqual([270369, 67634689, 2647435461]);
  expect(() => xorshift32(0)).toThrow(RangeError);
});

test("floats lie in [-1, 1)", () => {
  expect(unitFloat(0)).toBe(-1);
  expect(unitFloat(0xffffffff)).toBe(1 - 2 ** -23);
});

test("one sequence runs through all ports, and only dynamic ones follow the rows", () => {
  const port = (type: PortInfo["type"], dynamic: boolean): PortInfo => ({
    name: type,
    kind: "tensor",
    type,
    shape: [3, 2],
    dynamic,
    bytesMax: 24,
  });
  const entry: EntryInfo = { name: "e", rowsMax: 3, opCount: 1, inputs: [port("u8", false), port("f32", true)], outputs: [] };
  const [bytes, floats] = seededInputs(entry, 1, 7);
  const next = xorshift32(7);
  expect(Array.from(bytes as Uint8Array)).toEqual(Array.from({ length: 6 }, () => next() >>> 24));
  expect(Array.from(floatsOf(floats as Uint8Array))).toEqual([unitFloat(next()), unitFloat(next())]);
});
