import pc from "picocolors";
import { describe, expect, test } from "vitest";
import { type CompareReport, type ComparisonRow, passes, SAME_CONFIG } from "../compareReport.js";
import { compareText } from "./compareText.js";

const style = { paint: pc.createColors(false), width: 120 };
const row = (figures: Partial<ComparisonRow> = {}): ComparisonRow => ({
  what: "encode",
  inputs: "8 pictures",
  against: "checkpoint",
  count: 8,
  positions: 1,
  cosineMean: 0.999,
  cosineWorst: 0.998,
  centredCosineMean: 0.9,
  centredCosineWorst: 0.8,
  relativeErrorMean: 0.1,
  relativeErrorWorst: 0.2,
  maxAbsError: 0.5,
  ...figures,
});
const report = (rows: ComparisonRow[], bars: CompareReport["bars"] = {}): CompareReport => ({
  command: "compare",
  model: "m.syn",
  reference: "w.safetensors",
  expected: null,
  engine: "native",
  untrained: false,
  rows,
  bars,
  notSeen: SAME_CONFIG,
  pass: rows.every((each) => passes(each, bars)),
});

describe("bars hold for the worst sample", () => {
  test.each([
    ["no bar", {}, true],
    ["the worst reaches it exactly", { minCentredCosine: 0.8 }, true],
    ["the mean alone reaches it", { minCentredCosine: 0.85 }, false],
    ["the plain cosine alone reaches it", { minCentredCosine: 0.95 }, false],
    ["the worst error is at it", { maxRelativeError: 0.2 }, true],
    ["the mean error alone is below it", { maxRelativeError: 0.15 }, false],
    ["one of two", { minCentredCosine: 0.8, maxRelativeError: 0.1 }, false],
  ])("%s", (_what, bars, pass) => {
    expect(passes(row(), bars)).toBe(pass);
  });

  test.each([null, Number.NaN])("what is %s passes no bar, and every row without one", (none) => {
    const undefinedRow = row({ centredCosineWorst: none, relativeErrorWorst: none });
    expect(passes(undefinedRow, { minCentredCosine: -1 })).toBe(false);
    expect(passes(undefinedRow, { maxRelativeError: 1e9 })).toBe(false);
    expect(passes(undefinedRow, {})).toBe(true);
  });
});

describe("the text of a comparison", () => {
  test("has the centred figures beside the plain ones, the verdict of each row and of all, and what it does not show", () => {
    const text = compareText(
      style,
      report([row(), row({ what: "predict", centredCosineWorst: 0.95 })], { minCentredCosine: 0.9 }),
    );
    expect(text).toMatch(/what +cosine +worst +centred +worst +rel\. error +worst +max error +inputs/);
    expect(text).toMatch(
      /encode +0\.999000 +0\.998000 +0\.900000 +0\.800000 +0\.100 +0\.200 +0\.500 +8 pictures +below/,
    );
    expect(text).toMatch(/predict .* pass/);
    expect(text).toContain("bar: worst centred cosine at least 0.9: not reached");
    expect(text).toMatch(/not seen: .*same configuration.*verify-model/);
  });

  test("without bars there is no verdict, and what is undefined says why", () => {
    const text = compareText(
      style,
      report([
        row({ centredCosineMean: null, centredCosineWorst: null, relativeErrorMean: null, relativeErrorWorst: null }),
      ]),
    );
    expect(text).toMatch(/encode +0\.999000 +0\.998000 +undefined +undefined +undefined +undefined +0\.500/);
    expect(text).toContain("need two samples that differ");
    expect(text).not.toMatch(/pass|below|bar:/);
  });

  test("says of each row what it is held against where that is not one thing", () => {
    const text = compareText(style, {
      ...report([row(), row({ against: "expected" })]),
      expected: "o.safetensors",
      notSeen: null,
    });
    expect(text).toContain("against w.safetensors in f32 and o.safetensors");
    expect(text).toMatch(/8 pictures +checkpoint\n.* 8 pictures +expected/);
    expect(text).not.toContain("not seen");
  });
});
