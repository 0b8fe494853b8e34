import type { Inventory } from "../../fleet/inventory.js";
import { type BoardStanding, countStandings, type RollOutState, type Standing } from "../../fleet/rollOutState.js";
import { renderTable } from "../table.js";
import { printable, printableCell } from "./printable.js";
import type { TextStyle } from "./style.js";

/** Boards of a wave that are told one by one; of larger waves only what is worth it. */
const LISTED_MAX = 12;

/** How far each wave is, and the boards that are under way or failed. */
export function wavesText(
  style: TextStyle,
  state: RollOutState,
  nameOf: (id: string) => string,
  inventory: Pick<Inventory, "get">,
): string {
  const { paint } = style;
  const rows = state.waves.map((ids, wave) => {
    const of = (standing: Standing): number => ids.filter((id) => standingOf(state, id) === standing).length;
    const failed = of("failed");
    return [
      wave === 0 && state.waves.length > 1 ? "canaries" : `wave ${wave + 1}`,
      String(ids.length),
      bar(style, of("updated"), failed + of("unreached"), ids.length),
      of("updated") > 0 ? paint.green(`${of("updated")} updated`) : "",
      of("updating") > 0 ? `${of("updating")} under way` : "",
      failed > 0 ? paint.red(`${failed} failed`) : "",
      of("unreached") > 0 ? paint.yellow(`${of("unreached")} away`) : "",
    ];
  });
  const table = renderTable(
    ["", "boards", "", "", "", "", ""].map((title, at) => ({
      title,
      ...(at === 1 ? { align: "right" as const } : {}),
    })),
    rows,
    paint.dim,
  );
  const busy = Object.keys(state.boards).filter((id) => standingOf(state, id) === "updating");
  const lines = busy.slice(0, LISTED_MAX).map((id) => {
    const update = inventory.get(id)?.update;
    const share =
      update?.bytes && update.receivedBytes ? ` ${Math.floor((100 * update.receivedBytes) / update.bytes)} %` : "";
    const doing = paint.dim(`${printableCell(update?.state.toLowerCase() ?? "asked", 16)}${share}`);
    return `  ${paint.cyan(id)}  ${printableCell(nameOf(id))}  ${doing}`;
  });
  const title = `${state.kind} ${printable(state.title)} ${paint.dim(state.sha256.slice(0, 8))}`;
  return [title, table, ...lines].join("\n");
}

/** What became of a roll-out. */
export function rollOutText(
  style: TextStyle,
  state: RollOutState,
  nameOf: (id: string) => string,
  stopped: string | undefined,
  stateFile: string,
): string {
  const { paint } = style;
  const counts = countStandings(state);
  const bad = Object.entries(state.boards).filter(
    ([, { standing }]) => standing === "failed" || standing === "unreached",
  );
  const rows = bad.map(([id, board]) => [paint.cyan(id), printableCell(nameOf(id)), ...reasonOf(style, board)]);
  const table =
    rows.length === 0
      ? undefined
      : renderTable(
          ["id", "name", "", ""].map((title) => ({ title })),
          rows,
          paint.dim,
        );
  const total = Object.keys(state.boards).length;
  const sum = `${counts.updated} of ${total} boards run ${state.kind} ${printable(state.title)}`;
  const rest = [
    counts.failed > 0 ? `${counts.failed} failed` : undefined,
    counts.unreached > 0 ? `${counts.unreached} away` : undefined,
    counts.waiting > 0 ? `${counts.waiting} not begun` : undefined,
  ].filter((part) => part !== undefined);
  const line = `${sum}${rest.length > 0 ? `; ${rest.join(", ")}` : ""}`;
  const end = stopped === undefined ? undefined : paint.red(`stopped: ${stopped}`);
  return [table, end, line, rest.length > 0 ? paint.dim(nextText(counts.failed, stateFile)) : undefined]
    .filter((part) => part !== undefined)
    .join("\n");
}

function nextText(failed: number, stateFile: string): string {
  const retry = failed > 0 ? ", with --retry-failed to those that failed too" : "";
  return `the same command goes on with it${retry} (state: ${stateFile})`;
}

function reasonOf({ paint }: TextStyle, { standing, code, detail }: BoardStanding): [string, string] {
  const painted =
    standing === "failed" ? paint.red(printableCell(code ?? "failed")) : paint.yellow(printableCell(code ?? "away"));
  return [painted, printableCell(detail ?? "", 400)];
}

const standingOf = (state: RollOutState, id: string): Standing => state.boards[id]?.standing ?? "waiting";

const BAR_COLUMNS = 24;

function bar({ paint }: TextStyle, good: number, bad: number, all: number): string {
  const columns = (count: number): number => Math.round((count * BAR_COLUMNS) / Math.max(all, 1));
  const done = columns(good);
  const wrong = Math.min(columns(bad), BAR_COLUMNS - done);
  return `${paint.green("█".repeat(done))}${paint.red("█".repeat(wrong))}${"░".repeat(BAR_COLUMNS - done - wrong)}`;
}
