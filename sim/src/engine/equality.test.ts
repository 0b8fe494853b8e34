import { describe, expect, test } from "vitest";
import { STORAGE_TYPES } from "../testing/packWeights.js";
import { qemuMissing } from "../testing/qemu.js";
import { smallInput, smallPack } from "../testing/smallPack.js";
import type { Engine } from "./engine.js";
import { openNativeEngine } from "./native.js";
import { openRv32Engine } from "./rv32.js";
import { openWasmEngine } from "./wasmNode.js";

const withoutQemu = qemuMissing() !== undefined;

/** The numeric contract of docs/format.md: an `exact` model gives the same bytes on every build, with threads or without. */
describe("outputs are equal byte for byte on all builds", { timeout: 120_000 }, () => {
  test.each(STORAGE_TYPES)("%s", async (type) => {
    const openers: (() => Promise<Engine>)[] = [openNativeEngine, () => openWasmEngine("wasm"), () => openWasmEngine("wasm-baseline")];
    if (!withoutQemu) openers.push(() => openRv32Engine({ icount: false }));
    const packs = (["f32", "i8"] as const).map((attention) => smallPack(type, { attention, seed: 0xe9 }));
    const results: Record<string, string[]> = {};
    for (const open of openers) {
      const engine = await open();
      for (const threads of engine.name === "native" ? [1, 3] : [1])
        results[`${engine.name}, ${threads}`] = await outputs(engine, packs, type, threads);
      await engine.close();
    }
    const [first, ...others] = Object.entries(results);
    for (const [name, found] of others) expect(found, `${name} and ${first?.[0]}`).toEqual(first?.[1]);
    // Different rows and ways to attend give different numbers: nothing above compares constants.
    expect(new Set(first?.[1]).size).toBeGreaterThan(4);
  });
});

async function outputs(
  engine: Engine,
  packs: readonly Uint8Array[],
  type: (typeof STORAGE_TYPES)[number],
  threads: number,
): Promise<string[]> {
  const found: string[] = [];
  for (const pack of packs) {
    const model = await engine.openModel(pack);
    const session = await model.createSession({ threads });
    for (const rows of [1, 2, 5]) {
      const [z] = await session.run("encode", [smallInput(type, rows, 0xbeef)], rows);
      found.push(Buffer.from(z ?? []).toString("hex"));
    }
    await model.close();
  }
  return found;
}
