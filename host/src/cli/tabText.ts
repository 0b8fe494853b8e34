import type { RunningTab } from "../boards/startTab.js";
import type { BoardTime } from "../report/boardEstimate.js";
import { slotFitText } from "../report/slotFit.js";
import { renderFields } from "../report/table.js";
import { boardTimesFields } from "../report/text/boardTimesText.js";
import { headline, joinSections } from "../report/text/style.js";
import { qrText } from "./boardText.js";
import type { CliContext } from "./context.js";

/** Where a board in a browser's tab is served, with a QR code for a phone when `qr` and this is a terminal. */
export async function tabText(
  context: CliContext,
  { board, model, slots, url, lanUrl }: RunningTab,
  times: readonly BoardTime[],
  qr: boolean,
): Promise<string> {
  const { paint } = context;
  const lines = renderFields(
    [
      ["page", paint.cyan(`${url}/`)],
      ["for a phone", lanUrl && paint.cyan(`${lanUrl}/`)],
      [
        "board",
        "runs in the tab that opens the page, and sends nothing anywhere; a reload is a fresh board from the factory",
      ],
      ["slots", slotFitText(slots)],
      ...boardTimesFields(times),
    ],
    paint.dim,
  );
  return joinSections([
    headline(context, [`simulated ${board.name}`, model.file, "in the browser"], model.untrained),
    lines,
    qr && context.stdout.isTTY ? await qrText(lanUrl && `${lanUrl}/`, paint.isColorSupported) : undefined,
  ]);
}
