import { expect, test } from "vitest";
import { fallbackLines } from "./packReportText.js";

test("tensors that are stored in another type than was asked for: each reason once, with how many", () => {
  const reason = (k: number) => `rows of ${k} weights, not a multiple of 256`;
  const fallbacks = [
    { tensor: "patches.weight", type: "i8", reason: reason(588) },
    { tensor: "a.weight", type: "i8", reason: reason(192) },
    { tensor: "b.weight", type: "i8", reason: reason(192) },
    { tensor: "action.weight", type: "f32", reason: "rows of 2 weights, fewer than 16" },
  ];
  expect(fallbackLines(fallbacks)).toEqual([
    "patches.weight in i8: rows of 588 weights, not a multiple of 256",
    "2 tensors in i8: rows of 192 weights, not a multiple of 256",
    "action.weight in f32: rows of 2 weights, fewer than 16",
  ]);
  expect(fallbackLines([])).toEqual([]);
});
