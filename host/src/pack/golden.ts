import { createHash } from "node:crypto";
import type { Engine, EntryInfo, PortInfo } from "synapse-engine";
import { InputError } from "synapse-engine/errors";
import type { GoldenHeader } from "../format/header.js";
import { isConstant } from "../format/header.js";
import { limits } from "../format/limits.js";
import { readPack } from "./readPack.js";
import { writePack } from "./writePack.js";

export interface GoldenSpec {
  readonly entry: string;
  readonly rows: number;
  readonly seed: number;
}

const FIRST_SEED = 0x5eed0001;

/** One vector an entry, at its full number of rows. */
export function defaultGolden(entries: readonly Pick<EntryInfo, "name" | "rowsMax">[]): GoldenSpec[] {
  return entries
    .slice(0, limits.goldens_max)
    .map(({ name, rowsMax }, i) => ({ entry: name, rows: rowsMax, seed: FIRST_SEED + i }));
}

/** The inputs that a self-test vector stands for: one xorshift32 sequence through all inputs (docs/format.md). */
export function goldenInputs(
  ports: readonly Pick<PortInfo, "type" | "shape" | "dynamic">[],
  rows: number,
  seed: number,
): Uint8Array[] {
  let state = seed >>> 0;
  const next = () => {
    state = (state ^ (state << 13)) >>> 0;
    state = (state ^ (state >>> 17)) >>> 0;
    state = (state ^ (state << 5)) >>> 0;
    return state;
  };
  return ports.map(({ type, shape, dynamic }) => {
    const count = shape.reduce((product, dimension, i) => product * (i === 0 && dynamic ? rows : dimension), 1);
    if (type === "u8") return Uint8Array.from({ length: count }, () => next() >>> 24);
    const values = new DataView(new ArrayBuffer(count * 4));
    for (let i = 0; i < count; i++) {
      const value = next();
      if (type === "f32") values.setFloat32(i * 4, Math.fround(value >>> 8) * 2 ** -23 - 1, true);
    }
    return new Uint8Array(values.buffer);
  });
}

/**
 * Runs each vector on an engine and answers the pack with their digests in its header, in place of those it had, and
 * without a signature, which would be wrong for it. Packs that are not `exact` are run too, and answered as they are,
 * since their outputs differ between builds. Throws InputError `GOLDEN_NOT_FINITE` when a run gives numbers that are
 * not finite, whose bits are up to the machine.
 */
export async function addGolden(pack: Uint8Array, engine: Engine, specs?: readonly GoldenSpec[]): Promise<Uint8Array> {
  const { header, blobsOffset, fileBytes } = readPack(pack, "pack");
  const model = await engine.openModel(pack);
  try {
    const golden: GoldenHeader[] = [];
    for (const { entry, rows, seed } of specs ?? defaultGolden(model.info.entries)) {
      const info = model.info.entries.find(({ name }) => name === entry);
      if (info === undefined) throw new RangeError(`the pack has no entry "${entry}"`);
      const session = await model.createSession();
      try {
        const outputs = await session.run(entry, goldenInputs(info.inputs, rows, seed), rows);
        requireFinite(entry, info.outputs, outputs);
        const hash = createHash("sha256");
        for (const output of outputs) hash.update(output);
        golden.push({ entry, rows, seed, digest: Uint8Array.from(hash.digest()) });
      } finally {
        await session.close();
      }
    }
    if (header.numeric !== "exact") return pack;
    const tensors = header.tensors.map((tensor) =>
      isConstant(tensor) ? { ...tensor, offset: tensor.offset - blobsOffset } : tensor,
    );
    return writePack({ ...header, tensors, golden }, [{ offset: 0, bytes: pack.subarray(blobsOffset, fileBytes) }]);
  } finally {
    await model.close();
  }
}

function requireFinite(
  entry: string,
  ports: readonly Pick<PortInfo, "name" | "type">[],
  outputs: readonly Uint8Array[],
): void {
  ports.forEach(({ name, type }, i) => {
    if (type !== "f32") return;
    const bad = new Float32Array((outputs[i] as Uint8Array).slice().buffer).find((value) => !Number.isFinite(value));
    if (bad === undefined) return;
    throw new InputError({
      code: "GOLDEN_NOT_FINITE",
      source: "pack",
      where: `entry ${entry}, output ${name}`,
      message: `the self-test's inputs of -1 to 1 give ${bad}`,
      expected: "weights and a configuration that compute finite numbers",
    });
  });
}
