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
  expect(fields.map(([, text]) => text)).toEqual([
    "encode 8.2 s, predict 610 ms or more (estimate; the library as built, which has no vector kernels: counted instructions at 1 cycle each, the least possible)",
    expect.stringMatching(
      /^encode 510 ms, predict 9\.1 ms \(estimate; vector kernels, which this library does not have, at others' published speed on one core: their model misses those figures by -\d+ % to \+\d+ %\)$/,
    ),
  ]);
  expect(boardTimesFields([])).toEqual([]);
});
