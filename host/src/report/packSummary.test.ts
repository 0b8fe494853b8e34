import { expect, test } from "vitest";
import { layerOf, type SummaryHeader, summarisePack } from "./packSummary.js";

test.each([
  ["encoder.encoder.layer.11.attention.output.dense.weight", "encoder.encoder.layer.11"],
  ["predictor.transformer.layers.0.mlp.net.1.weight", "predictor.transformer.layers.0"],
  ["projector.net.0.weight", "projector"],
  ["encoder.layernorm.weight", "encoder"],
  ["cls", "cls"],
])("%s belongs to %s", (name, layer) => expect(layerOf(name)).toBe(layer));

const header: SummaryHeader = {
  name: "m",
  generator: "g",
  numeric: "exact",
  regions: { fast: 64, slow: 128, state: 0 },
  tensors: [
    { name: "a.layer.0.w.weight", type: "i8", shape: [4, 16], offset: 128, bytes: 300 },
    { name: "a.layer.0.w.bias", type: "f32", shape: [4], offset: 448, bytes: 16 },
    // Another view of the same bytes.
    { name: "a.layer.0.w.bias", type: "f32", shape: [4], offset: 448, bytes: 16 },
    { name: "x", type: "f32", shape: [4], offset: 0, region: "fast" },
  ],
  entries: [{ name: "encode", ops: [{ op: "linear" }, { op: "act" }, { op: "linear" }] }],
};

test("bytes are counted once by type and by layer, and shares add up to one", () => {
  const summary = summarisePack(header);
  expect(summary.constants).toEqual({ tensors: 2, values: 68, bytes: 316 });
  expect(summary.byType.map(({ name, bytes }) => [name, bytes])).toEqual([
    ["i8", 300],
    ["f32", 16],
  ]);
  expect(summary.byLayer.map(({ name, bytes }) => [name, bytes])).toEqual([["a.layer.0", 316]]);
  expect(summary.byType.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
  expect(summary.entries[0]?.opCounts).toEqual({ linear: 2, act: 1 });
  expect(summary.activationTensors).toBe(1);
});

test("a pack without constants has no bits a value", () => {
  expect(summarisePack({ ...header, tensors: [] }).bitsPerValue).toBe(0);
});
