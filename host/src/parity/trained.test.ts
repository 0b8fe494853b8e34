import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readBoard, SimulatedBoard } from "synapse-sim";
import { afterAll, expect, test } from "vitest";
import { similarity } from "../report/similarity.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const MODEL = join(ROOT, "models", "lewm-tworoom-small");
const folder = mkdtempSync(join(tmpdir(), "synapse-trained-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The trained model as a user packs it, on a simulated board. */
async function boardWith(type: string): Promise<SimulatedBoard> {
  const output = join(folder, `${type}.syn`);
  const args = ["pack", join(MODEL, "model.safetensors"), "--config", join(MODEL, "synapse.json"), "--type", type, "-o", output];
  const packed = spawnSync(process.execPath, [join(ROOT, "host", "bin", "synapse-host.js"), ...args], { encoding: "utf8" });
  if (packed.status !== 0) throw new Error(packed.stderr);
  const board = await readBoard(join(ROOT, "boards", "waveshare-esp32-p4-wifi6.json"));
  return SimulatedBoard.create({ board, model: readFileSync(output) });
}

const EPISODES = ["test-00", "test-07", "test-14", "test-21"];

/** Worst of a board's latents against those that PyTorch computed when the model was exported. */
async function worst(board: SimulatedBoard): Promise<{ cosine: number; error: number }> {
  const result = { cosine: 1, error: 0 };
  for (const episode of EPISODES) {
    const { latents } = JSON.parse(readFileSync(join(MODEL, "eval", episode, "episode.json"), "utf8")) as { latents: number[][] };
    for (const [i, expected] of latents.entries()) {
      const body = readFileSync(join(MODEL, "eval", episode, `frame-${String(i).padStart(2, "0")}.png`));
      const answer = await board.handle({ method: "POST", target: "/v1/encode", headers: { "content-type": "image/png" }, body });
      const { latent } = JSON.parse(new TextDecoder().decode(answer.body)) as { latent: number[] };
      expect(latent).toHaveLength(expected.length);
      result.cosine = Math.min(result.cosine, similarity(latent, expected).cosine);
      result.error = Math.max(result.error, ...latent.map((value, j) => Math.abs(value - (expected[j] ?? Number.NaN))));
    }
  }
  return result;
}

test.each([
  ["f32", 0.999999, 1e-3],
  ["i8", 0.99, 0.6],
])("the trained model in %s gives the latents of its held-out episodes", async (type, cosineMin, errorMax) => {
  const board = await boardWith(type);
  const found = await worst(board);
  await board.close();
  expect(found.cosine).toBeGreaterThan(cosineMin);
  expect(found.error).toBeLessThan(errorMax);
});
