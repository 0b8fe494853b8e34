import type { DiscoveredBoard } from "synapse-sim";
import { renderTable } from "../table.js";
import { printable } from "./printable.js";
import type { TextStyle } from "./style.js";

/** Boards of the local network, one a line. */
export function discoverText({ paint }: TextStyle, boards: readonly DiscoveredBoard[]): string {
  const rows = boards.map(({ name, url, model, firmware, board, id }) => [
    printable(name),
    paint.cyan(printable(url)),
    ...[model ?? "none", firmware ?? "", board ?? "", id ?? ""].map(printable),
  ]);
  const columns = ["name", "address", "model", "firmware", "board", "id"].map((title) => ({ title }));
  return renderTable(columns, rows, paint.dim);
}
