import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { engineSuite } from "./engineSuite.js";
import { openRv32Engine } from "./rv32.js";
import { qemuMissing } from "./testing/qemu.js";
import { smallInput, smallPack } from "./testing/smallPack.js";

const skip = qemuMissing();

engineSuite("RV32 on the emulated core", { open: () => openRv32Engine({ icount: false }), mutations: 100, skip });

test("a missing emulator is named, with the way to install it", async () => {
  await expect(openRv32Engine({ command: "qemu-system-none" })).rejects.toMatchObject({
    code: "QEMU_MISSING",
    message: expect.stringContaining("apt-get install qemu-system-misc"),
  });
});

describe.skipIf(skip !== undefined)("the emulated machine", { timeout: 120_000 }, () => {
  test("counts retired instructions exactly: two runs of the same thing cost the same", async () => {
    const counts: number[][] = [];
    for (let round = 0; round < 2; round += 1) {
      const engine = await openRv32Engine();
      const session = await (await engine.openModel(smallPack("i8"))).createSession();
      await session.run("encode", [smallInput("i8", 5)], 5);
      counts.push((await session.profile("encode")).map((op) => op.ticks));
      await engine.close();
    }
    expect(counts[1]).toEqual(counts[0]);
    expect(counts[0]?.every((ticks) => ticks > 1000)).toBe(true);
  });

  test("an emulator that does not start is told in its own words", async () => {
    // A program that is there but does not understand these options.
    await expect(openRv32Engine({ command: process.execPath })).rejects.toMatchObject({
      code: "STOPPED",
      message: expect.stringContaining("-M"),
    });
  });

  test("a model that does not fit the RAM is refused and the machine goes on", async () => {
    const engine = await openRv32Engine({ ramBytes: 16 * 2 ** 20, icount: false });
    await expect(engine.openModel(new Uint8Array(20 * 2 ** 20))).rejects.toMatchObject({ code: "OUT_OF_MEMORY" });
    const model = await engine.openModel(smallPack("i4"));
    expect(model.info.name).toBe("small-i4");
    await engine.close();
  });

  test("leaves no file behind", async () => {
    const before = leftovers();
    const engine = await openRv32Engine({ icount: false });
    expect(leftovers()).toEqual(before);
    await engine.close();
  });
});

function leftovers(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith("synapse-rv32-"));
}
