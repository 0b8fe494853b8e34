import type { BrokerChange } from "../../fleet/brokerWatch.js";
import { type Health, healthOf } from "../../fleet/health.js";
import type { FleetBoard } from "../../fleet/inventory.js";
import { renderTable } from "../table.js";
import { printable, printableCell } from "./printable.js";
import type { TextStyle } from "./style.js";

/** Boards of a fleet, one a line, and below how many are in which state. */
export function fleetTable(style: TextStyle, boards: readonly FleetBoard[], nowMs: number): string {
  const { paint } = style;
  const titles = ["id", "name", "kind", "model", "firmware", "groups", "health", "heard"];
  const rows = boards.map((board) => [
    paint.cyan(printableCell(board.id, 24)),
    printableCell(board.name ?? ""),
    printableCell(board.board ?? ""),
    modelText(style, board),
    printableCell(board.firmware ?? ""),
    printableCell(board.groups?.slice(0, 16).join(" ") ?? ""),
    healthText(style, board),
    heardText(board, nowMs),
  ]);
  const table = renderTable(
    titles.map((title) => ({ title })),
    rows,
    paint.dim,
  );
  return `${table}\n${paint.dim(countsOf(boards))}`;
}

/** One board as a line of a log. */
export function boardLine(style: TextStyle, board: FleetBoard, time: Date): string {
  const { paint } = style;
  const parts = [printableCell(board.name ?? ""), modelText(style, board), printableCell(board.firmware ?? "")];
  const told = [...parts, healthText(style, board)].filter((part) => part !== "");
  return [paint.dim(time.toISOString()), paint.cyan(printableCell(board.id, 24)), ...told].join("  ");
}

/** The broker came or went. */
export function brokerText({ connected, detail }: BrokerChange): string {
  if (connected) return "the broker is back";
  const reason = detail === undefined ? "" : ` (${printable(detail)})`;
  return `the broker is gone${reason}: it is tried again, and nothing is heard of boards`;
}

function modelText({ paint }: TextStyle, { model }: FleetBoard): string {
  if (!model) return "";
  const digest = model.sha256 === undefined ? "" : ` ${paint.dim(model.sha256.slice(0, 8))}`;
  return `${printableCell(model.name)}${digest}`;
}

function healthText({ paint }: TextStyle, board: FleetBoard): string {
  const health = healthOf(board);
  const update = board.update;
  const busy = board.online && update !== undefined && !["IDLE", "UPDATED", "FAILED"].includes(update.state);
  const text = busy ? `${health}, ${progressOf(update)}` : health;
  const paints: Record<Health, (text: string) => string> = {
    good: paint.green,
    offline: paint.dim,
    "safe mode": paint.red,
    "no model": paint.yellow,
    unclear: paint.yellow,
  };
  return paints[health](text);
}

function progressOf({ state, bytes, receivedBytes }: NonNullable<FleetBoard["update"]>): string {
  const share = state === "DOWNLOADING" && bytes ? ` ${Math.floor((100 * (receivedBytes ?? 0)) / bytes)} %` : "";
  return `${printableCell(state.toLowerCase(), 16)}${share}`;
}

function countsOf(boards: readonly FleetBoard[]): string {
  const counts = new Map<Health, number>();
  for (const board of boards) counts.set(healthOf(board), (counts.get(healthOf(board)) ?? 0) + 1);
  const parts = [...counts].map(([health, count]) => `${count} ${health}`);
  return `${boards.length} board${boards.length === 1 ? "" : "s"}: ${parts.join(", ") || "none"}`;
}

/** What a broker kept of a board that is there says nothing of when the board said it. */
function heardText(board: FleetBoard, nowMs: number): string {
  return board.online && !board.heard ? "not yet" : ago(board.seenMs, nowMs);
}

/** How long ago, in the largest unit that says something. */
function ago(ms: number | undefined, nowMs: number): string {
  if (ms === undefined) return "never";
  const seconds = Math.max(0, Math.round((nowMs - ms) / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}
