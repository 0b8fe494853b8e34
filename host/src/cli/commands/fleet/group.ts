import { Argument, Command } from "commander";
import type { SynapseMqttClient } from "synapse-client";
import { inputError } from "../../../files/inputError.js";
import type { CliContext } from "../../context.js";
import { integerOption, numberOption } from "../../options.js";
import { type AskFleetOptions, askFleet } from "./askFleet.js";
import { addFleetOptions } from "./fleetOptions.js";

const GROUP = /^[A-Za-z0-9._-]{1,32}$/;

export function groupCommand(context: CliContext): Command {
  const command = new Command("group")
    .summary("put boards into a group, or take them out")
    .description("Put boards into a group, or take them out. Groups take commands and roll-outs together.")
    .addArgument(new Argument("<action>", "what to do").choices(["add", "remove"]))
    .argument("<group>", "1 to 32 letters, digits, dots, dashes and underscores")
    .option("--parallel <n>", "boards that are asked at once", integerOption(1, 256), 16)
    .option("--timeout <s>", "the longest that a board may take to answer", numberOption(1, 600), 15);
  return addFleetOptions(command).action(async (action: "add" | "remove", group: string, options: AskFleetOptions) => {
    if (!GROUP.test(group))
      throw inputError(group, "GROUP_NAME", "this is no name of a group", {
        expected: "1 to 32 letters, digits, dots, dashes and underscores",
      });
    const ask = async (board: SynapseMqttClient, call: { readonly signal: AbortSignal }) => {
      const { groups } = await board.settings(call);
      const others = groups.filter((each) => each !== group);
      const wanted = action === "add" ? [...others, group] : others;
      if (groups.includes(group) === (action === "add")) return { groups };
      return { groups: (await board.changeSettings({ groups: wanted }, call)).groups };
    };
    const said = (answer: unknown): string => (answer as { groups: string[] }).groups.join(" ") || "in no group";
    await askFleet(context, `fleet group ${action}`, options, ask, said);
  });
}
