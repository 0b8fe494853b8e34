import { Command } from "commander";
import type { CliContext } from "../../context.js";
import { groupCommand } from "./group.js";
import { listCommand } from "./list.js";
import { pushCommand } from "./push.js";
import { runCommand } from "./run.js";
import { settingsCommand } from "./settings.js";
import { watchCommand } from "./watch.js";

const NOTES = `
The broker is --broker, or SYNAPSE_BROKER; its password is SYNAPSE_BROKER_PASSWORD, never an option. Without --id,
--name, --group and --kind a command is for every board of the broker.
  synapse-host fleet list --broker mqtt://192.168.1.2
  synapse-host fleet push-model lewm.syn --group hall --dry-run
  synapse-host fleet push-model lewm.syn --group hall
  synapse-host fleet run selftest
Whoever may publish on the broker commands its boards: docs/fleet.md says how to keep others from it.`;

export function fleetCommand(context: CliContext): Command {
  const command = new Command("fleet")
    .summary("see, update and steer all boards of a broker")
    .description("See, update and steer all boards of an MQTT broker.")
    .addHelpText("after", NOTES);
  for (const create of [
    listCommand,
    watchCommand,
    (its: CliContext) => pushCommand(its, "model"),
    (its: CliContext) => pushCommand(its, "firmware"),
    groupCommand,
    runCommand,
    settingsCommand,
  ])
    command.addCommand(create(context));
  return command;
}
