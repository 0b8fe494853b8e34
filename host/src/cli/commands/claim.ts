import { Command } from "commander";
import { type CliContext, print, printJson } from "../context.js";
import { addCommonOptions, type CommonOptions } from "../options.js";

interface ClaimOptions extends CommonOptions {
  readonly code?: string;
  readonly name?: string;
  readonly id?: string;
}

const NOTES = `
A board takes an owner within ten minutes of power-on, after a press of its button, or with the code on its serial
console (\`synapse-host monitor\` shows it). The token is kept in a file that only you may read, and printed.

Examples:
  synapse-host claim http://synapse-1a2b3c.local
  synapse-host claim http://192.0.2.7 --code 12345678 --name kitchen`;

export function claimCommand(context: CliContext): Command {
  const command = new Command("claim")
    .summary("become the owner of a board")
    .description("Become a board's owner: keep its token, and print it. Of a board that is yours, print the kept one.")
    .argument("<url>", "address of the board")
    .option("--code <code>", "code from the board's serial console")
    .option("--id <id>", "identity of a board that is yours already, whose token was kept")
    .option("--name <name>", "what the board is to be called")
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async (url: string, { code, id, name, json }: ClaimOptions) => {
    const [{ claimBoard }, { renderFields }, { printable }] = await Promise.all([
      import("../../owner/claimBoard.js"),
      import("../../report/table.js"),
      import("../../report/text/printable.js"),
    ]);
    const claimed = await claimBoard({ url, code, id, name, env: context.env, signal: context.signal });
    if (json) return printJson(context, { command: "claim", ...claimed });
    const owner = claimed.already ? "you, since before" : "you, from now on";
    const fields = renderFields(
      [
        ["board", claimed.name === claimed.id ? claimed.id : `${printable(claimed.name)}  ${claimed.id}`],
        ["owner", owner],
        ["token", claimed.token],
        ["kept in", printable(claimed.tokenFile)],
      ],
      context.paint.dim,
    );
    return print(context, fields);
  });
}
