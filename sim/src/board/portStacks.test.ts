import { describe, expect, test } from "vitest";
import { buildPortBoard } from "../testing/portBoard.js";
import { measurePortStacks } from "../testing/portStacks.js";
import { LATENT, MODEL, sample, testBoard } from "./boardSuite.js";

const { missing } = buildPortBoard({ plain: true });
if (missing !== undefined) process.stderr.write(`skipped: the stacks of the firmware's port: ${missing}\n`);

describe.skipIf(missing !== undefined)("the stacks of the firmware's tasks", () => {
  test("hold what the tasks do", async () => {
    const pictures = ["coffee.jpg", "cat.jpg", "rocket-portrait.jpg"].map(sample);
    const marks = await measurePortStacks({ board: testBoard(), model: MODEL, latent: LATENT, pictures });
    for (const { task, used_bytes, of_bytes } of marks)
      if (task.startsWith("synapse")) expect([task, used_bytes <= of_bytes]).toEqual([task, true]);
    const tasks = marks.map(({ task }) => task);
    expect(tasks).toEqual(expect.arrayContaining(["synapse", "synapse_work", "synapse_mqtt"]));
  });
});
