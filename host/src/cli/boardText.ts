import qrcode from "qrcode";
import type { RunningBoard } from "../boards/startBoard.js";
import type { BoardTime } from "../report/boardEstimate.js";
import { slotFitText } from "../report/slotFit.js";
import { type Field, renderFields } from "../report/table.js";
import { boardTimesFields } from "../report/text/boardTimesText.js";
import { headline, joinSections } from "../report/text/style.js";
import type { CliContext } from "./context.js";

/**
 * Where a simulated board can be reached and how fast a real one would be, with `more` lines, and a QR code for a phone
 * when `qr` and this is a terminal.
 */
export async function boardText(
  context: CliContext,
  running: RunningBoard,
  times: readonly BoardTime[],
  qr: boolean,
  more: readonly Field[] = [],
): Promise<string> {
  const { paint } = context;
  const lines = renderFields(
    [
      ["page", paint.cyan(pageOf(running.url, running))],
      ["for a phone", running.lanUrl ? paint.cyan(pageOf(running.lanUrl, running)) : undefined],
      ["owner", running.token === undefined ? "not claimed: claim it on its page within ten minutes" : undefined],
      ["slots", slotFitText(running.slots)],
      ...boardTimesFields(times),
      ...more,
    ],
    paint.dim,
  );
  const parts = [`simulated ${running.board.name}`, running.model.file, running.engine];
  return joinSections([
    headline(context, parts, running.model.untrained),
    lines,
    qr && context.stdout.isTTY
      ? await qrText(running.lanUrl && pageOf(running.lanUrl, running), paint.isColorSupported)
      : undefined,
  ]);
}

/** The page's address; the owner's token goes in its fragment, which a browser sends to nobody. */
function pageOf(url: string, running: RunningBoard): string {
  return running.token === undefined ? `${url}/` : `${url}/#token=${running.token}`;
}

/** With colours black on white, as every phone reads it; without them in the terminal's own. */
export async function qrText(url: string | undefined, colors: boolean): Promise<string | undefined> {
  if (!url) return undefined;
  const code = await qrcode.toString(url, {
    type: colors ? "terminal" : "utf8",
    small: true,
    errorCorrectionLevel: "L",
  });
  return code.trimEnd();
}

/** Resolves when the user presses Ctrl-C or the process is asked to end. */
export function untilInterrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
