import { Command } from "commander";
import { type CliContext, note, print, printJson } from "../context.js";
import { addCommonOptions, type CommonOptions } from "../options.js";

interface PortsOptions extends CommonOptions {
  readonly probe: boolean;
}

export function portsCommand(context: CliContext): Command {
  const command = new Command("ports")
    .summary("list serial ports and what is on them")
    .description("List the serial ports of this machine, and what is plugged in by its USB identity.")
    .option("--probe", "open each port and ask the chip what it is; resets the board there", false);
  return addCommonOptions(command).action(async ({ probe, json }: PortsOptions) => {
    const [{ probePorts }, { portsText }] = await Promise.all([
      import("../../serial/probePorts.js"),
      import("../../report/text/portsText.js"),
    ]);
    const ports = await probePorts(probe);
    if (json) printJson(context, { command: "ports", ports });
    else if (ports.length === 0)
      note(context, "no serial port is there: is the board plugged in by a cable with data?");
    else print(context, portsText(context, ports));
  });
}
