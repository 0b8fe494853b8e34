import { openRv32Engine } from "synapse-engine";
import { seededInputs } from "../run/seededInputs.js";

/**
 * Instructions that the emulated core retires for each op of an entry, at its largest number of rows and on seeded
 * inputs. Needs QEMU.
 */
export async function countInstructions(pack: Uint8Array, entryName: string): Promise<number[]> {
  const engine = await openRv32Engine();
  try {
    const model = await engine.openModel(pack);
    const entry = model.info.entries.find(({ name }) => name === entryName);
    if (entry === undefined) throw new Error(`no entry ${entryName}`);
    const session = await model.createSession();
    await session.run(entryName, seededInputs(entry, entry.rowsMax, 1), entry.rowsMax);
    return (await session.profile(entryName)).map(({ ticks }) => ticks);
  } finally {
    await engine.close();
  }
}
