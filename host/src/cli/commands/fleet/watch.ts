import { Command } from "commander";
import type { FleetBoard } from "../../../fleet/inventory.js";
import { type CliContext, print, printJsonLine } from "../../context.js";
import { liveText } from "../../liveText.js";
import { addFleetOptions, type FleetOptions, openFleet } from "./fleetOptions.js";

const REDRAW_MS = 500;

export function watchCommand(context: CliContext): Command {
  const command = new Command("watch")
    .summary("watch the boards of a broker")
    .description("Watch the boards of a broker: a table that follows them, or with --json a line for each change.")
    .addHelpText("after", "\nCtrl-C ends it with exit code 0.");
  return addFleetOptions(command).action(async (options: FleetOptions) => {
    const { boardLine, brokerText, fleetTable } = await import("../../../report/text/fleetText.js");
    const { boardDocument } = await import("../../../fleet/fleetDocument.js");
    const fleet = await openFleet(context, options);
    const isChosen = (board: FleetBoard): boolean => fleet.boards().some(({ id }) => id === board.id);
    const { broker } = fleet.connection;
    try {
      if (options.json) {
        const write = (board: FleetBoard): void => printJsonLine(context, boardDocument(board));
        fleet.boards().forEach(write);
        fleet.inventory.listen((board) => isChosen(board) && write(board));
        broker.listen((change) => printJsonLine(context, { broker: fleet.connection.url, ...change }));
        return await ended(context.signal);
      }
      const table = (): string => fleetTable(context, fleet.boards(), Date.now());
      if (context.stdout.isTTY !== true || context.env.TERM === "dumb") {
        print(context, table());
        fleet.inventory.listen((board) => isChosen(board) && print(context, boardLine(context, board, new Date())));
        broker.listen((change) => print(context, brokerText(change)));
        return await ended(context.signal);
      }
      let lost = "";
      broker.listen((change) => {
        lost = change.connected ? "" : `\n${context.paint.red(brokerText(change))}`;
      });
      const live = liveText(context.stdout);
      const draw = (): void => live.draw(table() + lost);
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
