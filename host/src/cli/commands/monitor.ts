import { Command } from "commander";
import type { CliContext } from "../context.js";
import type { MonitorCommandOptions } from "../monitor.js";
import { addCommonOptions, integerOption } from "../options.js";

const NOTES = `
On a terminal, r resets the board and q ends. A board that is unplugged and comes back is read on. With --json every
line is a document of its own: {"time", "level", "text"}.

Examples:
  synapse-host monitor --port /dev/ttyACM0
  synapse-host monitor --port /dev/ttyACM0 --elf firmware/build/synapse.elf --log board.log`;

export function monitorCommand(context: CliContext): Command {
  const command = new Command("monitor")
    .summary("show what a board says on its serial port")
    .description("Show a board's console with time and colours, until Ctrl-C.")
    .requiredOption("--port <port>", "serial port of the board, or socket:// or rfc2217://host:port")
    .option("--elf <file>", "program whose symbols name the addresses of a panic")
    .option("--log <file>", "append every line to this file, with its time")
    .option("--baud <n>", "speed of the console", integerOption(9600, 4_000_000), 115_200)
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async (options: MonitorCommandOptions) => {
    const { monitor } = await import("../monitor.js");
    await monitor(context, options);
  });
}
