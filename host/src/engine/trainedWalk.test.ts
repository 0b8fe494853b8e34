import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { findBoard } from "./boards.js";
import { trainedPack } from "./demoPack.js";
import { watchWalk } from "./trainedWalk.js";

const MODEL = fileURLToPath(new URL("../../../models/lewm-tworoom-small", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "synapse-walk-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the trained model expects every step of a held-out walk, and not a jump", async () => {
  const board = "waveshare-esp32-p4-wifi6";
  const pack = await trainedPack({ folder, board, buildKey: "test" }, MODEL);
  const { surprises, jump, jumpDeviations } = await watchWalk(await findBoard(board), pack, join(MODEL, "eval", "test-00"));
  expect(surprises).toHaveLength(11);
  expect(jump).toBeGreaterThan(5 * Math.max(...surprises));
  expect(jumpDeviations).toBeGreaterThan(10);
});
