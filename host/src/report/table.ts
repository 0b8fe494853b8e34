import Table from "cli-table3";

/** A column of a text table. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

const BORDERLESS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "  ",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

/**
 * Rows under titles, two spaces between columns, no rules: reads well in a terminal, in a log and pasted into a
 * message.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paintTitle = (title: string) => title,
): string {
  const table = new Table({
    head: columns.map(({ title }) => (title === "" ? "" : paintTitle(title))),
    colAligns: columns.map(({ align }) => align ?? "left"),
    chars: BORDERLESS,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
  });
  for (const row of rows) table.push([...row]);
  return trimLines(table.toString());
}

/** A labelled line; without a value it is left out. */
export type Field = readonly [label: string, value: string | undefined];

/** Labels on the left, values on the right, aligned. */
export function renderFields(fields: readonly Field[], paintLabel = (label: string) => label): string {
  const present = fields.filter((field): field is readonly [string, string] => field[1] !== undefined);
  const width = Math.max(0, ...present.map(([label]) => label.length));
  return present
    .map(
      ([label, value]) => `  ${label === "" ? "" : paintLabel(label)}${" ".repeat(width - label.length + 2)}${value}`,
    )
    .join("\n");
}

function trimLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
