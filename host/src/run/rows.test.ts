import { InputError } from "synapse-engine/errors";
import { expect, test } from "vitest";
import { parseRows, type RowsSpec } from "./rows.js";

const spec: RowsSpec = { source: "actions.json", noun: "action", columns: 2, rowsMin: 1, rowsMax: 3 };

test.each([
  [
    "rows",
    [
      [1, 2],
      [3, 4],
    ],
    [
      [1, 2],
      [3, 4],
    ],
  ],
  ["one row", [1, 2], [[1, 2]]],
  ["an object of rows", { actions: [[1, 2]] }, [[1, 2]]],
  ["an object of one row", { action: [1, 2] }, [[1, 2]]],
])("takes %s", (_what, document, expected) => {
  expect(parseRows(document, spec).map((row) => Array.from(row))).toEqual(expected);
});

test.each([
  ["a text", "hello", /actions\.json at \$: the text "hello" where actions should be; expected rows of 2 numbers/],
  ["null", null, /at \$: null where actions/],
  ["no rows", [], /at \$: 0 actions; expected 1 to 3/],
  [
    "too many rows",
    [
      [1, 2],
      [1, 2],
      [1, 2],
      [1, 2],
    ],
    /4 actions; expected 1 to 3/,
  ],
  ["a short row", [[1, 2], [3]], /at \$\[1\]: 1 numbers; expected 2/],
  ["a text among numbers", { actions: [[1, "2"]] }, /at \$\.actions\[0\]\[1\]: the text "2" where a number should be/],
  ["a number beyond f32", [[1, 1e39]], /at \$\[0\]\[1\]: 1e\+39 where a number should be; expected a finite number/],
  ["a mixed array", [[1, 2], 3], /at \$\[1\]: 3 where a row should be/],
  ["another object", { latents: [[1, 2]] }, /at \$: an object where actions should be/],
])("refuses %s and says where", (_what, document, message) => {
  expect(() => parseRows(document, spec)).toThrow(InputError);
  expect(() => parseRows(document, spec)).toThrow(message);
});
