import { expect, test } from "vitest";
import { readPack } from "../../pack/readPack.js";
import { opPack } from "../../testing/opPack.js";
import { estimateBoardTime, REFERENCE_BOARD } from "../boardEstimate.js";
import { entryWork } from "../kernelWork.js";
import { boardTimesFields } from "./boardTimesText.js";

test("a time of a board is never said without the word estimate, what it is of, and what it assumes", () => {
  const { header } = readPack(opPack([{ op: "linear", type: "i8", m: 1, n: 16, k: 16 }]), "ops");
  const estimate = estimateBoardTime(entryWork(header, "ops"), REFERENCE_BOARD);
  const fields = boardTimesFields([
    { entry: "encode", estimate: { ...estimate, builtLatencyMs: 8234, vectorLatencyMs: 512 } },
    { entry: "predict", estimate: { ...estimate, builtLatencyMs: 612, vectorLatencyMs: 9.123 } },
  ]);
  expect(fields).toEqual([
    ["on a board", "encode 8.2 s, predict 610 ms or more (estimate: no vector kernels yet, 1 cycle an instruction)"],
    [
      "if vectorised",
      expect.stringMatching(
        /^encode 510 ms, predict 9\.1 ms \(estimate: others' kernels, .*; misses their figures by -\d+ % to \+\d+ %\)$/,
      ),
    ],
  ]);
  expect(boardTimesFields([])).toEqual([]);
});
