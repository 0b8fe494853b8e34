import type { BoardAnswer } from "../../fleet/askBoards.js";
import { renderTable } from "../table.js";
import { printableCell } from "./printable.js";
import type { TextStyle } from "./style.js";

/** What each board made of a command, one a line, and below how many did what. */
export function fleetAnswersText(
  { paint }: TextStyle,
  answers: readonly BoardAnswer[],
  said: (answer: unknown) => string,
): string {
  const rows = answers.map((answer) => [
    paint.cyan(printableCell(answer.id, 24)),
    printableCell(answer.name ?? ""),
    answer.ok ? paint.green("done") : paint.red(printableCell(answer.code)),
    printableCell(answer.ok ? said(answer.answer) : answer.detail, 400),
  ]);
  const failed = answers.filter(({ ok }) => !ok).length;
  const table = renderTable(
    ["id", "name", "", ""].map((title) => ({ title })),
    rows,
    paint.dim,
  );
  return `${table}\n${paint.dim(`${answers.length - failed} done, ${failed} not`)}`;
}
