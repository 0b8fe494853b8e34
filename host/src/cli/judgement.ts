import { atomicWrite } from "../files/atomicWrite.js";
import type { Judgement } from "../report/judgement.js";
import { judgementText } from "../report/text/judgementText.js";
import { type CliContext, print, printJson } from "./context.js";
import { ExitRequest } from "./errors.js";
import { EXIT } from "./exitCodes.js";

/** Shows a judgement, and writes it as HTML to `file`; throws an ExitRequest when it is below its bar. */
export async function showJudgement(
  context: CliContext,
  judged: Judgement,
  json: boolean | undefined,
  file: string | undefined,
): Promise<void> {
  if (file !== undefined) {
    const { judgementHtml } = await import("../report/html/judgementHtml.js");
    await atomicWrite(file, judgementHtml(judged));
  }
  if (json) printJson(context, judged);
  else print(context, judgementText(context, judged));
  if (!judged.pass) throw new ExitRequest(EXIT.failure);
}
