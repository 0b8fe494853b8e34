import { readFileSync } from "node:fs";
import { unzipSync } from "fflate";
import sharp from "sharp";
import { expect, test } from "vitest";
import { twoRoomPixels } from "../src/twoRoom.js";

const EVALUATION_SET = new URL("../../../../../models/lewm-tworoom-small/eval.zip", import.meta.url);
const EPISODE = "test-00";

test("the sample of a TwoRoom model is drawn as the frames that it was trained on", async () => {
  const files = unzipSync(readFileSync(EVALUATION_SET), { filter: ({ name }) => name.startsWith(`${EPISODE}/`) });
  const { states } = JSON.parse(Buffer.from(files[`${EPISODE}/episode.json`] ?? []).toString()) as {
    states: [number, number][];
  };
  for (const [index, [x, y]] of states.entries()) {
    const png = files[`${EPISODE}/frame-${String(index).padStart(2, "0")}.png`];
    const { data, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    const drawn = twoRoomPixels(info.width, x, y);
    expect(drawn).toHaveLength(data.length);
    // The environment computes in float32: a rounded mean may differ by one of 255.
    expect(Math.max(...drawn.map((value, i) => Math.abs(value - (data[i] ?? 0))))).toBeLessThanOrEqual(1);
  }
});
