import { expect, test } from "vitest";
import { estimateBoardTime, REFERENCE_BOARD, REFERENCE_WORKLOADS } from "../boardEstimate.js";
import { boardTimesText } from "./boardTimesText.js";

test("a time of a board is never said without the word estimate and how far that is off", () => {
  const estimate = estimateBoardTime(REFERENCE_WORKLOADS.slice(0, 1), REFERENCE_BOARD);
  const times = [
    { entry: "encode", estimate: { ...estimate, latencyMs: 1234 } },
    { entry: "predict", estimate: { ...estimate, latencyMs: 9.123 } },
  ];
  expect(boardTimesText(times)).toMatch(
    /^encode about 1\.2 s, predict about 9\.1 ms \(estimate; misses published figures by -\d+ % to \+\d+ %\)$/,
  );
  expect(boardTimesText([])).toBeUndefined();
});
