import fc from "fast-check";
import { type Engine, openWasmEngine } from "synapse-engine";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compile } from "../../compile/compile.js";
import { storageTypeNames } from "../../format/types.js";
import { readPack } from "../../pack/readPack.js";
import { memoryCheckpoint } from "../../testing/memoryCheckpoint.js";
import { seededNormals } from "../../testing/seededRandom.js";
import { storageTypes } from "./index.js";

/** Rows as checkpoints have them and as they should not: what one row is must not show in the others. */
const rowKinds = ["normal", "zero", "constant", "negative", "outlier", "one", "tiny"] as const;

function fillRow(row: Float32Array, kind: (typeof rowKinds)[number], seed: number): void {
  row.set(seededNormals(seed, row.length, 0.1));
  if (kind === "zero") row.fill(0);
  if (kind === "constant") row.fill(0.37);
  if (kind === "negative") row.set(row.map((value) => -Math.abs(value)));
  if (kind === "outlier") row[seed % row.length] = 900;
  if (kind === "one") row.fill(0).fill(-0.5, row.length - 1);
  if (kind === "tiny") row.set(row.map((value) => value * 1e-3));
}

/** A row of activations as the runtime rounds it to int8 before an integer layer. */
function roundedRow(row: Float32Array): number[] {
  const max = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return [...row].map((value) => (Math.round(value * (127 / max)) * max) / 127);
}

describe("the runtime multiplies by what decode answers", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openWasmEngine();
  });
  afterAll(() => engine.close());

  it.each(storageTypeNames)("%s, for any number of rows and columns", async (name) => {
    const { kMultiple, integer } = storageTypes[name];
    const shape = fc.record({
      n: fc.integer({ min: 1, max: 40 }),
      k: fc.integer({ min: 1, max: kMultiple === 256 ? 600 : 100 }),
      kinds: fc.array(fc.constantFrom(...rowKinds), { minLength: 1, maxLength: 7 }),
      seed: fc.integer({ min: 1, max: 1e9 }),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ n, k, kinds, seed }) => {
        const values = new Float32Array(n * k);
        for (let row = 0; row < n; row++)
          fillRow(
            values.subarray(row * k, (row + 1) * k),
            kinds[row % kinds.length] as (typeof rowKinds)[number],
            seed + row,
          );
        const config = {
          name: "one",
          entries: {
            run: {
              inputs: { x: { kind: "tensor", width: k } },
              steps: [{ part: "layer", x: "x", as: "y" }],
              outputs: { y: "tensor" },
            },
          },
          parts: { layer: { kind: "mlp", width: k, layers: [{ kind: "linear", out: n, bias: false, weights: "w" }] } },
        };
        const checkpoint = memoryCheckpoint({ "w.weight": { shape: [n, k], values } });
        const { bytes } = await compile({ checkpoint, config, types: `f32,*=${name}`, fastBytes: 1 << 20 });
        const pack = readPack(bytes, "one.syn");
        const stored = pack.decode(pack.header.tensors.findIndex(({ name }) => name === "layer.0.weight"));
        const x = seededNormals(seed + 99, k);
        const model = await engine.openModel(bytes);
        const session = await model.createSession();
        const [output] = await session
          .run("run", [new Uint8Array(x.slice().buffer)], 1)
          .finally(() => session.close().then(() => model.close()));
        const y = new Float32Array((output as Uint8Array).slice().buffer);
        const seen = integer ? roundedRow(x) : [...x];
        for (let row = 0; row < n; row++) {
          const terms = seen.map((value, i) => value * (stored[row * k + i] as number));
          const size = terms.reduce((sum, term) => sum + Math.abs(term), 0);
          const expected = terms.reduce((sum, term) => sum + term, 0);
          expect(Math.abs((y[row] as number) - expected), `row ${row} of ${n}, ${k} wide`).toBeLessThanOrEqual(
            1e-5 * size,
          );
        }
      }),
      { numRuns: 25 },
    );
  });
});
