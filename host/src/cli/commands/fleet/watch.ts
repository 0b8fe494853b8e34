import { Command } from "commander";
import type { FleetBoard } from "../../../fleet/inventory.js";
import type { CliContext } from "../../context.js";
import { liveText } from "../../liveText.js";
import { addFleetOptions, type FleetOptions, openFleet } from "./fleetOptions.js";

const REDRAW_MS = 500;

export function watchCommand(context: CliContext): Command {
  const command = new Command("watch")
    .summary("watch the boards of a broker")
    .description("Watch the boards of a broker: a table that follows them, or with --json a line for each change.")
    .addHelpText("after", "\nCtrl-C ends it with exit code 0.");
  return addFleetOptions(command).action(async (options: FleetOptions) => {
    const { fleetTable } = await import("../../../report/text/fleetText.js");
    const { boardDocument } = await import("../../../fleet/fleetDocument.js");
    const fleet = await openFleet(context, options);
    const isChosen = (board: FleetBoard): boolean => fleet.boards().some(({ id }) => id === board.id);
    try {
      if (options.json) {
        const write = (board: FleetBoard): void => {
          context.stdout.write(`${JSON.stringify(boardDocument(board))}\n`);
        };
        fleet.boards().forEach(write);
        const unlisten = fleet.inventory.listen((board) => isChosen(board) && write(board));
        await ended(context.signal);
        return unlisten();
      }
      const live = liveText(context.stdout);
      const draw = (): void => live.draw(fleetTable(context, fleet.boards(), Date.now()));
      draw();
      const timer = setInterval(draw, REDRAW_MS);
      await ended(context.signal);
      clearInterval(timer);
    } finally {
      await fleet.close();
    }
  });
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
