import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repoPath } from "../cli/testing/cliHarness.js";
import { readPack } from "../pack/readPack.js";
import type { CompareReport, ComparisonRow } from "../report/compareReport.js";
import { compareFolder } from "../run/modelFolder.js";
import { type CompressRequest, compressModel } from "./compressModel.js";

const MODEL = repoPath("models", "lewm-tworoom-small");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "compress-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A short calibration of the small trained model. */
function request(name: string, more: Partial<CompressRequest> = {}): CompressRequest {
  const output = join(folder, name);
  return { model: MODEL, types: "i4", imagesMax: 40, steps: 3, seed: 1, threads: 2, judge: false, output, ...more };
}

const encodeOf = (rows: readonly ComparisonRow[]) => rows.find(({ what }) => what === "encode") as ComparisonRow;

test("four bits against the model's own activations keep what four bits to nearest lose, on frames not seen", async () => {
  const report = await compressModel(request("judged.syn", { judge: true }));
  const plain: CompareReport = await compareFolder(MODEL, {
    types: "i4",
    threads: 2,
    imagesMax: 64,
    seed: 1,
    bars: {},
  });
  const [own, nearest] = [encodeOf(report.judged?.rows ?? []), encodeOf(plain.rows)];
  expect(nearest.centredCosineWorst).toBeLessThan(0.8);
  expect(own.centredCosineWorst).toBeGreaterThan(0.95);
  expect(own.relativeErrorMean).toBeLessThan(0.1 * (nearest.relativeErrorMean as number));
  expect(report.weights.length).toBeGreaterThan(30);
  for (const { relativeError, nearestError } of report.weights) expect(relativeError).toBeLessThanOrEqual(nearestError);
  const { header } = readPack(await readFile(report.output), "judged.syn");
  expect(header.meta?.recipe).toEqual(report.recipe);
  expect(report.recipe).toMatchObject({ method: "gptq", pictures: 40, steps: 3, seed: 1 });
});

test("an interrupted calibration goes on where it ended, to the same bytes on any number of threads", async () => {
  const short = { imagesMax: 32, steps: 2 };
  const whole = await compressModel(request("whole.syn", { ...short, threads: 1 }));
  const statistics = join(folder, "kept.stats");
  const interrupt = new AbortController();
  const first = compressModel(
    request("part.syn", {
      ...short,
      statistics,
      signal: interrupt.signal,
      onProgress: (done, _total, label) => {
        if (label === "calibrate" && done === 40) interrupt.abort();
      },
    }),
  );
  await expect(first).rejects.toThrow(/abort/i);
  await expect(readFile(join(folder, "part.syn"))).rejects.toThrow("ENOENT");
  const second = await compressModel(request("part.syn", { ...short, statistics }));
  expect(second.calibration).toMatchObject({ runs: 64, resumedRuns: 41 });
  expect(second.sha256).toBe(whole.sha256);

  await expect(compressModel(request("x.syn", { ...short, seed: 2, statistics }))).rejects.toMatchObject({
    code: "STATISTICS_OTHER",
  });
  const bytes = await readFile(statistics);
  await writeFile(statistics, bytes.subarray(0, -8));
  await expect(compressModel(request("x.syn", { ...short, statistics }))).rejects.toMatchObject({
    code: "STATISTICS_FILE",
  });
});

describe("what cannot be done is refused, and nothing is written", () => {
  test("too little calibration says how many rows a layer needs", async () => {
    await expect(compressModel(request("x.syn", { imagesMax: 1 }))).rejects.toMatchObject({
      code: "CALIBRATION_ROWS",
      message: expect.stringMatching(/rows of \d+ inputs.*at least \d+/),
    });
    await expect(readFile(join(folder, "x.syn"))).rejects.toThrow("ENOENT");
  });

  test("a folder that is not there is told before anything runs", async () => {
    const onProgress = () => {
      throw new Error("ran");
    };
    await expect(compressModel(request(join("none", "x.syn"), { onProgress }))).rejects.toMatchObject({
      code: "WRITE_FAILED",
    });
  });

  test("a checkpoint without a folder needs pictures", async () => {
    const given = { model: join(MODEL, "model.safetensors"), config: join(MODEL, "synapse.json") };
    await expect(compressModel(request("x.syn", given))).rejects.toMatchObject({ code: "INPUT_MISSING" });
  });

  test("weights that are no numbers are named", async () => {
    const bytes = await readFile(join(MODEL, "model.safetensors"));
    bytes.fill(0xff, bytes.length - 4);
    const model = join(folder, "nan.safetensors");
    await writeFile(model, bytes);
    const given = { model, config: join(MODEL, "synapse.json"), images: join(MODEL, "eval.zip") };
    await expect(compressModel(request("x.syn", given))).rejects.toMatchObject({ code: "WEIGHT_NOT_FINITE" });
  });
});
