import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { trainedPack } from "../compile/trainedPack.js";
import { evaluationSet, readEpisode } from "../testing/evaluationSet.js";
import { findBoard } from "./boards.js";
import { watchWalk } from "./trainedWalk.js";

const MODELS = fileURLToPath(new URL("../../../models/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "synapse-walk-"));
afterAll(() => rmSync(folder, { recursive: true }));

test.each(["lewm-tworoom", "lewm-tworoom-small"])(
  "%s expects every step of a held-out walk, and not a jump",
  async (name) => {
    const board = "waveshare-esp32-p4-wifi6";
    const pack = await trainedPack({ folder, board, buildKey: "test" }, join(MODELS, name));
    const { surprises, jump, jumpDeviations } = await watchWalk(
      await findBoard(board),
      pack,
      `${evaluationSet(name)}/test-00`,
    );
    const { actions } = await readEpisode(name, "test-00");
    expect(surprises).toHaveLength(actions.length);
    expect(jump).toBeGreaterThan(5 * Math.max(...surprises));
    expect(jumpDeviations).toBeGreaterThan(10);
  },
);
