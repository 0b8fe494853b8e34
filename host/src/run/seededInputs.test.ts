import { expect, test } from "vitest";
import { bytesOf, floatsOf, seededRows } from "./seededInputs.js";

test("seeded rows lie in [-1, 1), differ from each other and are the same for the same seed", () => {
  const rows = seededRows(4, 8, 7);
  expect(rows.map((row) => row.length)).toEqual([8, 8, 8, 8]);
  for (const row of rows) for (const value of row) expect(Math.abs(value)).toBeLessThanOrEqual(1);
  expect(rows[0]).not.toEqual(rows[1]);
  expect(seededRows(4, 8, 7)).toEqual(rows);
  expect(seededRows(4, 8, 8)).not.toEqual(rows);
});

test("bytes that are not aligned are still read as the floats they are", () => {
  const bytes = new Uint8Array(9);
  bytes.set(bytesOf(Float32Array.of(1.5, -2)), 1);
  expect(Array.from(floatsOf(bytes.subarray(1)))).toEqual([1.5, -2]);
});
