import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compile } from "../compile/compile.js";
import { openModelBytes } from "../open/openModelFile.js";
import type { ComparisonRow } from "../report/compareReport.js";
import { compareModels } from "../run/compareModels.js";
import { LEWM_TRUE } from "./lewmShapes.js";
import { seededImage } from "./seeded.js";
import { seededCheckpoint } from "./seededCheckpoint.js";

const PICTURES = 8;
/** Of the first eight, the one whose int8 is farthest by each figure is among these. */
const SEEDS = [1, 2, 4, 6];

/** What README.md promises of one encode and of one predicted step, for the worst of all seeds and pictures. */
const PROMISED = {
  encode: { cosine: 0.999, centred: 0.99, relativeError: 0.015 },
  predict: { cosine: 0.999, centred: 0.995, relativeError: 0.005 },
} as const;

const config = JSON.parse(readFileSync(new URL("../../../configs/lewm.json", import.meta.url), "utf8"));

async function open(seed: number, types: "i8" | "f32") {
  const { bytes } = await compile({ checkpoint: seededCheckpoint(LEWM_TRUE, seed), config, types, fastBytes: 1 << 24 });
  const opened = await openModelBytes(bytes, types, "native");
  const session = await opened.model.createSession({ threads: 2 });
  return { source: types, info: opened.model.info, session, close: () => session.close().then(() => opened.close()) };
}

/** The true LeWM with the weights of a seed, in int8 against f32, as `compare` does it. */
async function compared(seed: number): Promise<ComparisonRow[]> {
  const [candidate, reference] = [await open(seed, "i8"), await open(seed, "f32")];
  const images = Array.from({ length: PICTURES }, (_, index) => ({
    name: `image.${index}`,
    decode: async () => seededImage(`image.${index}`, seed, LEWM_TRUE.image),
  }));
  try {
    return await compareModels(candidate, reference, { images, horizons: [LEWM_TRUE.historyFrames], seed });
  } finally {
    await candidate.close();
    await reference.close();
  }
}

test.each(SEEDS)(
  "int8 keeps what README.md promises with the weights of seed %i",
  { timeout: 300_000 },
  async (seed) => {
    const rows = await compared(seed);
    for (const [what, { cosine, centred, relativeError }] of Object.entries(PROMISED)) {
      const row = rows.find((candidate) => candidate.what === what);
      if (row === undefined) throw new Error(`nothing was compared of ${what}`);
      expect(row.count).toBe(what === "encode" ? PICTURES : PICTURES * LEWM_TRUE.historyFrames);
      expect(row.cosineWorst, `${what}: cosine`).toBeGreaterThanOrEqual(cosine);
      expect(row.centredCosineWorst, `${what}: centred cosine`).toBeGreaterThanOrEqual(centred);
      expect(row.relativeErrorWorst, `${what}: error over variance`).toBeLessThanOrEqual(relativeError);
    }
  },
);

test("README.md promises these figures of these seeds and pictures", () => {
  const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
  const { encode, predict } = PROMISED;
  const percent = (share: number) => `${share * 100} %`;
  for (const promise of [
    `${SEEDS.length} sets of seeded weights (seeds ${SEEDS.slice(0, -1).join(", ")} and ${SEEDS.at(-1)}) and ` +
      `${PICTURES} pictures each`,
    `cosine of at least ${encode.cosine}`,
    `${encode.centred} centred (${predict.centred} for one prediction)`,
    `at most ${percent(encode.relativeError)} (${percent(predict.relativeError)})`,
  ]) {
    expect(readme.replaceAll(/\s+/g, " ")).toContain(promise);
  }
});
