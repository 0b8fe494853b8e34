import type { SessionRequirements } from "synapse-engine";
import { readBoard } from "synapse-sim/boards";
import { expect, test } from "vitest";
import { boardFit } from "../boards/boardFit.js";
import { knownBoards } from "../boards/boards.js";
import { repoPath } from "../cli/testing/cliHarness.js";
import { slotFitText } from "./slotFit.js";

const NOTHING: SessionRequirements = { fastBytes: 0, slowBytes: 0, stateBytes: 0, threadBytes: 0, sessionBytes: 0 };
const WAVESHARE = repoPath("boards", "waveshare-esp32-p4-wifi6.json");

test("a model that fits the larger slot alone runs, and is said not to be updatable in place", async () => {
  const board = await readBoard(WAVESHARE);
  const large = boardFit(board, 18_707_712, NOTHING);
  expect(large).toMatchObject({
    fits: true,
    updatableInPlace: false,
    slots: [
      { slot: "model_a", availableBytes: 19_136_512, fits: true },
      { slot: "model_b", availableBytes: 9_043_968, fits: false },
    ],
  });
  expect(slotFitText(large.slots)).toBe(
    "fits only slot model_a (18.3 MiB): not updatable in place, slot model_b (8.63 MiB) is too small",
  );
});

test("up to the smaller slot's last byte both hold it, and beyond the larger one's none does", async () => {
  for (const board of await knownBoards()) {
    const sizes = boardFit(board, 1, NOTHING).slots.map(({ availableBytes }) => availableBytes);
    const [small, large] = [Math.min(...sizes), Math.max(...sizes)];
    expect(boardFit(board, small, NOTHING).updatableInPlace).toBe(true);
    expect(slotFitText(boardFit(board, small, NOTHING).slots)).toBe("fits both slots");
    expect(boardFit(board, small + 1, NOTHING)).toMatchObject({ fits: true, updatableInPlace: false });
    expect(boardFit(board, large, NOTHING).fits).toBe(true);
    expect(boardFit(board, large + 1, NOTHING)).toMatchObject({ fits: false, updatableInPlace: false });
    expect(slotFitText(boardFit(board, large + 1, NOTHING).slots)).toMatch(/^fits no slot: /);
  }
});

test("a model that both slots hold and the memories do not is not updatable either", async () => {
  const board = await readBoard(WAVESHARE);
  const fit = boardFit(board, 1000, { ...NOTHING, fastBytes: board.sram.freeBytes + 1 });
  expect(fit).toMatchObject({ fits: false, updatableInPlace: false });
});
