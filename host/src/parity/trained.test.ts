import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SimulatedBoard } from "synapse-sim";
import { readBoard } from "synapse-sim/boards";
import { afterAll, expect, test } from "vitest";
import { readInput } from "../files/readInput.js";
import { type SamplePair, type SimilaritySummary, summarise } from "../report/similarity.js";
import { comparePack } from "../run/comparePack.js";
import { runEntry } from "../run/runModel.js";
import { evaluationSet, framePath, readEpisode } from "../testing/evaluationSet.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const MODELS = join(ROOT, "models");
const folder = mkdtempSync(join(tmpdir(), "synapse-trained-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A trained model as a user packs it. */
function pack(model: string, type: string): string {
  const output = join(folder, `${model}-${type}.syn`);
  const [weights, config] = ["model.safetensors", "synapse.json"].map((name) => join(MODELS, model, name)) as [
    string,
    string,
  ];
  const args = ["pack", weights, "--config", config, "--type", type, "-o", output];
  const packed = spawnSync(process.execPath, [join(ROOT, "host", "bin", "synapse-host.js"), ...args], {
    encoding: "utf8",
  });
  if (packed.status !== 0) throw new Error(packed.stderr);
  return output;
}

const EPISODES = ["test-00", "test-07", "test-14", "test-21"];

/**
 * The latents of `encode` (a frame's file to its latent) beside those that PyTorch computed when the model was
 * exported.
 */
async function figures(
  model: string,
  encode: (file: string) => Promise<readonly number[]>,
): Promise<SimilaritySummary> {
  const pairs: SamplePair[] = [];
  for (const episode of EPISODES) {
    const { latents } = await readEpisode(model, episode);
    for (const [i, expected] of latents.entries())
      pairs.push({ actual: await encode(framePath(model, episode, i)), expected });
  }
  return summarise(pairs);
}

const MODELS_SHIPPED = ["lewm-tworoom", "lewm-tworoom-small"];

test.each(MODELS_SHIPPED)("%s in f32 gives the latents that PyTorch gave for its held-out episodes", async (model) => {
  const file = pack(model, "f32");
  const found = await figures(model, async (image) => {
    const { outputs } = await runEntry(
      { file, engine: "native", threads: 1, inputs: { image, byName: new Map() } },
      "encode",
    );
    return Array.from(outputs[0]?.values ?? []);
  });
  expect(found.centredCosineWorst).toBeGreaterThan(0.999999);
  expect(found.relativeErrorWorst).toBeLessThan(1e-6);
  expect(found.maxAbsError).toBeLessThan(1e-3);
});

test.each(MODELS_SHIPPED)("%s in i8 comes near them on a simulated board", async (model) => {
  const board = await readBoard(join(ROOT, "boards", "waveshare-esp32-p4-wifi6.json"));
  const simulated = await SimulatedBoard.create({ board, model: readFileSync(pack(model, "i8")) });
  const found = await figures(model, async (image) => {
    const headers = { "content-type": "image/png" };
    const answer = await simulated.handle({
      method: "POST",
      target: "/v1/encode",
      headers,
      body: await readInput(image, "a frame", 1 << 20),
    });
    return (JSON.parse(new TextDecoder().decode(answer.body)) as { latent: number[] }).latent;
  });
  await simulated.close();
  expect(found.cosineWorst).toBeGreaterThan(0.99);
  expect(found.centredCosineWorst).toBeGreaterThan(0.99);
  expect(found.relativeErrorWorst).toBeLessThan(0.025);
  expect(found.maxAbsError).toBeLessThan(0.6);
});

test("the card of lewm-tworoom-small has the figures that compare gives", async () => {
  const at = join(MODELS, "lewm-tworoom-small");
  const { packed } = JSON.parse(readFileSync(join(at, "evaluation.json"), "utf8"));
  const options = {
    engine: "native",
    threads: 2,
    seed: 1,
    bars: {},
    images: evaluationSet("lewm-tworoom-small"),
    imagesMax: 1_000_000,
  } as const;
  const { rows } = await comparePack(pack("lewm-tworoom-small", packed.type), join(at, "model.safetensors"), options);
  expect(rows).toEqual(packed.rows);
});

test("what README.md and the cards tell to type works in a clone, and judges on frames that the model has not seen", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  expect(/^npx synapse-host compare .*$/m.exec(readme)?.[0]).toMatch(/ --eval \$M( |$)/);
  for (const model of MODELS_SHIPPED) {
    const card = readFileSync(join(MODELS, model, "README.md"), "utf8");
    expect(card).toMatch(new RegExp(`^M=models/${model}$`, "m"));
    expect(card).toContain("npx synapse-host pack $M/model.safetensors");
    expect(card).toContain(`npx synapse-host compare ${model}.syn --eval $M`);
    expect(card).not.toMatch(/^synapse-host /m);
    // README.md promises it of every held-out frame.
    const { packed } = JSON.parse(readFileSync(join(MODELS, model, "evaluation.json"), "utf8"));
    expect(packed.rows[0]).toMatchObject({ what: "encode", inputs: expect.stringMatching(/^\d{3} pictures$/) });
    expect(packed.rows[0].centredCosineWorst).toBeGreaterThan(0.99);
  }
});
