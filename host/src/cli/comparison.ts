import type { CompareReport } from "../report/compareReport.js";
import { compareText } from "../report/text/compareText.js";
import { type CliContext, print, printJson } from "./context.js";
import { ExitRequest } from "./errors.js";
import { EXIT } from "./exitCodes.js";

/** Shows a comparison; throws an ExitRequest when it is below its bar. */
export function showComparison(context: CliContext, report: CompareReport, json: boolean | undefined): void {
  if (json) printJson(context, report);
  else print(context, compareText(context, report));
  if (!report.pass) throw new ExitRequest(EXIT.failure);
}
