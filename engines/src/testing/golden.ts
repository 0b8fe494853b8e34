import { createHash } from "node:crypto";
import type { EntryInfo, Model } from "../engine.js";
import { concatenate } from "./packWeights.js";
import { Xorshift32 } from "./random.js";

/** The inputs of a self-test vector (docs/format.md, "golden"): one sequence of numbers through all inputs in order. */
export function goldenInputs(entry: EntryInfo, rows: number, seed: number): Uint8Array[] {
  const random = new Xorshift32(seed);
  return entry.inputs.map((port) => {
    const shape = port.dynamic ? [rows, ...port.shape.slice(1)] : port.shape;
    const elements = shape.reduce((product, size) => product * size, 1);
    if (port.type === "u8") return Uint8Array.from({ length: elements }, () => random.next() >>> 24);
    if (port.type === "f32") return new Uint8Array(Float32Array.from({ length: elements }, () => random.unit()).buffer);
    for (let i = 0; i < elements; i += 1) random.next();
    return new Uint8Array(4 * elements);
  });
}

/** The digest that a self-test vector of a model should carry, from a run of the model. */
export async function goldenDigest(
  model: Model,
  golden: { entry: string; rows: number; seed: number },
): Promise<Uint8Array> {
  const entry = model.info.entries.find((each) => each.name === golden.entry);
  if (entry === undefined) throw new RangeError(`no entry ${golden.entry}`);
  const session = await model.createSession();
  const outputs = await session.run(golden.entry, goldenInputs(entry, golden.rows, golden.seed), golden.rows);
  await session.close();
  return Uint8Array.from(createHash("sha256").update(concatenate(outputs)).digest());
}
