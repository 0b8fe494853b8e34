import type { EntryInfo, PortInfo } from "synapse-engine";
import { expect, test } from "vitest";
import { OutputPairs, valuesOf } from "./outputPairs.js";
import { bytesOf } from "./seededInputs.js";

const port = (name: string, shape: number[], dynamic: boolean, type: PortInfo["type"] = "f32"): PortInfo => ({
  name,
  kind: "tensor",
  type,
  shape,
  dynamic,
  bytesMax: 4 * shape.reduce((product, size) => product * size),
});
const entry = (...outputs: PortInfo[]): EntryInfo => ({ name: "run", rowsMax: 3, opCount: 1, inputs: [], outputs });

test("rows of an output that may have fewer are samples of their number, rows that belong together one", () => {
  const pairs = new OutputPairs(entry(port("latents", [3, 2], true), port("tokens", [2, 2], false)));
  pairs.add(
    [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ],
    [
      [10, 20, 30, 40],
      [50, 60, 70, 80],
    ],
    2,
  );
  expect(pairs.all()).toEqual([
    [
      "run latents",
      [
        { actual: [1, 2], expected: [10, 20], row: 0 },
        { actual: [3, 4], expected: [30, 40], row: 1 },
      ],
    ],
    ["run tokens", [{ actual: [5, 6, 7, 8], expected: [50, 60, 70, 80], row: 0 }]],
  ]);
});

test("an output that one side does not have is left out, and one output has its entry's name", () => {
  const two = new OutputPairs(entry(port("a", [1, 1], false), port("b", [1, 1], false)));
  two.add([[1], [2]], [undefined, [2]], 1);
  expect(two.all()).toEqual([["run b", [{ actual: [2], expected: [2], row: 0 }]]]);
  const one = new OutputPairs(entry(port("a", [1, 1], false)));
  one.add([[1]], [[1]], 1);
  expect(one.all().map(([name]) => name)).toEqual(["run"]);
});

test("the bytes of an output are numbers of its type", () => {
  expect(valuesOf(port("a", [2], false), bytesOf(Float32Array.of(0.5, -1)))).toEqual(Float32Array.of(0.5, -1));
  expect(valuesOf(port("a", [2], false, "i32"), bytesOf(Int32Array.of(7, -1)))).toEqual(Int32Array.of(7, -1));
  expect(valuesOf(port("a", [2], false, "u8"), Uint8Array.of(7, 255))).toEqual(Uint8Array.of(7, 255));
});
