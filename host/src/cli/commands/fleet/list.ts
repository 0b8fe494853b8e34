import { Command } from "commander";
import { type CliContext, note, print, printJson } from "../../context.js";
import { addFleetOptions, type FleetOptions, openFleet } from "./fleetOptions.js";

export function listCommand(context: CliContext): Command {
  const command = new Command("list")
    .summary("list the boards of a broker")
    .description("List the boards of a broker: model, firmware, health, when each was heard last.");
  return addFleetOptions(command).action(async (options: FleetOptions) => {
    const { fleetTable } = await import("../../../report/text/fleetText.js");
    const { fleetDocument } = await import("../../../fleet/fleetDocument.js");
    const fleet = await openFleet(context, options);
    try {
      const boards = fleet.boards();
      if (options.json)
        return printJson(context, {
          command: "fleet list",
          broker: fleet.connection.url,
          boards: fleetDocument(boards),
        });
      const all = fleet.inventory.boards();
      if (boards.length > 0) print(context, fleetTable(context, boards, Date.now()));
      else if (all.length > 0) note(context, `none of the ${all.length} boards on ${fleet.connection.url} is chosen`);
      if (fleet.inventory.told === 0)
        note(context, `${fleet.connection.url} tells of no board; may this user read synapse/+/status there?`);
    } finally {
      await fleet.close();
    }
  });
}
