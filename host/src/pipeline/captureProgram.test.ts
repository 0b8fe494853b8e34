import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repoPath } from "../cli/testing/cliHarness.js";
import { compile } from "../compile/compile.js";
import { openWeights } from "../compile/openWeights.js";
import { openModelBytes } from "../open/openModelFile.js";
import { floatsOf } from "../run/seededInputs.js";
import { type Capture, captureProgram } from "./captureProgram.js";

const MODEL = repoPath("models", "lewm-tworoom-small");

test("captured inputs are those of the run, and the model's own entries answer as without them", async () => {
  const checkpoint = await openWeights(join(MODEL, "model.safetensors"));
  const config = JSON.parse(await readFile(join(MODEL, "synapse.json"), "utf8"));
  const options = { checkpoint, config, types: "f32", fastBytes: 1 << 20 };
  let capture: Capture | undefined;
  const captured = await compile({
    ...options,
    rewrite: (program) => {
      capture = captureProgram(program);
      return capture.program;
    },
  });
  const plain = await compile(options);
  await checkpoint.close();
  const [a, b] = [await openModelBytes(captured.bytes, "a", "wasm"), await openModelBytes(plain.bytes, "b", "wasm")];
  try {
    const [own, other] = [await a.model.createSession(), await b.model.createSession()];
    const pixels = Uint8Array.from({ length: 56 * 56 * 3 }, (_, i) => (i * 37) % 251);
    expect(await own.run("encode", [pixels])).toEqual(await other.run("encode", [pixels]));

    const [first] = capture?.entries.get("encode") ?? [];
    const patches = floatsOf((await own.run(first?.name ?? "", [pixels]))[0] as Uint8Array);
    const [mean, std] = [0.485, 0.229];
    for (const patch of [0, 8, 48]) {
      const at = (Math.floor(patch / 7) * 8 * 56 + (patch % 7) * 8) * 3;
      expect(patches[patch * 192]).toBeCloseTo(((pixels[at] as number) / 255 - mean) / std, 4);
    }
    await own.close();
    await other.close();
  } finally {
    await a.close();
    await b.close();
  }

  const weights = capture?.statistics.flatMap((statistic) => statistic.weights) ?? [];
  expect(new Set(weights).size).toBe(weights.length);
  expect(weights).toContain("pred_proj.3.weight");
  expect(capture?.selected.get("encode")).toEqual({ start: 0, count: 1, of: 50 });
  expect(capture?.selected.has("predict")).toBe(false);
});
