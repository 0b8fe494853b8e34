import { readFileSync } from "node:fs";
import sharp from "sharp";
import { expect, test } from "vitest";
import { twoRoomPixels } from "../src/twoRoom.js";

const EPISODE = new URL("../../../../../models/lewm-tworoom-small/eval/test-00/", import.meta.url);

test("the sample of a TwoRoom model is drawn as the frames that it was trained on", async () => {
  const { states } = JSON.parse(readFileSync(new URL("episode.json", EPISODE), "utf8")) as { states: [number, number][] };
  for (const [index, [x, y]] of states.entries()) {
    const png = readFileSync(new URL(`frame-${String(index).padStart(2, "0")}.png`, EPISODE));
    const { data, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    const drawn = twoRoomPixels(info.width, x, y);
    expect(drawn).toHaveLength(data.length);
    // The environment computes in float32: a rounded mean may differ by one of 255.
    expect(Math.max(...drawn.map((value, i) => Math.abs(value - (data[i] ?? 0))))).toBeLessThanOrEqual(1);
  }
});
