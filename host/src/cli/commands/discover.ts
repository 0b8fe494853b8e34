import { Command } from "commander";
import { type CliContext, note, print, printJson } from "../context.js";
import { addCommonOptions, type CommonOptions, numberOption } from "../options.js";

interface DiscoverCommandOptions extends CommonOptions {
  readonly seconds: number;
  readonly interface?: string;
}

const NOTES = `
Boards, real and simulated, announce themselves by multicast DNS (_synapse._tcp). What they say is not proven: no
token should be sent to a board because of its name.`;

export function discoverCommand(context: CliContext): Command {
  const command = new Command("discover")
    .summary("list the boards in the local network")
    .description("List the boards that announce themselves in the local network, simulated ones too.")
    .option("--seconds <n>", "how long to listen", numberOption(0.1, 600), 3)
    .option("--interface <address>", "IPv4 address of the interface to ask on (default: the system's choice)")
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async ({ seconds, interface: at, json }: DiscoverCommandOptions) => {
    const [{ discoverBoards }, { discoverText }] = await Promise.all([
      import("synapse-sim"),
      import("../../report/text/discoverText.js"),
    ]);
    const boards = await discoverBoards({
      seconds,
      signal: context.signal,
      ...(at === undefined ? {} : { interface: at }),
    });
    if (json) printJson(context, { command: "discover", seconds, boards });
    else if (boards.length === 0) note(context, `no board announced itself within ${seconds} s`);
    else print(context, discoverText(context, boards));
  });
}
