import { expect, test } from "vitest";
import { renderFields, renderTable } from "./table.js";

test("columns line up and lines end where their text ends", () => {
  const text = renderTable(
    [{ title: "op" }, { title: "count", align: "right" }],
    [
      ["linear", "73"],
      ["act", "7"],
    ],
  );
  expect(text).toBe(["  op      count", "  linear     73", "  act         7"].join("\n"));
});

test("fields without a value are left out and values line up", () => {
  expect(
    renderFields([
      ["name", "lewm"],
      ["licence", undefined],
      ["sha", "ab"],
    ]),
  ).toBe("  name  lewm\n  sha   ab");
});
