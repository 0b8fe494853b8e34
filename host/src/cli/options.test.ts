import { expect, test } from "vitest";
import { barsOf } from "./options.js";

test("the older name of the bar is the same bar, and of the two the higher counts", () => {
  expect(barsOf({})).toEqual({});
  expect(barsOf({ minCosine: 0.9 })).toEqual({ minCentredCosine: 0.9 });
  expect(barsOf({ minCentred: 0.8, minCosine: 0.9 })).toEqual({ minCentredCosine: 0.9 });
  expect(barsOf({ minCentred: 0.9, minCosine: 0.8, maxRelativeError: 0 })).toEqual({
    minCentredCosine: 0.9,
    maxRelativeError: 0,
  });
});
