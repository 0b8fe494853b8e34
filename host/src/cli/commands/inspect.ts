import { Command } from "commander";
import { type CliContext, print, printJson } from "../context.js";
import { addCommonOptions, type CommonOptions, collect } from "../options.js";

interface InspectOptions extends CommonOptions {
  readonly ops?: boolean;
  readonly tensors?: boolean;
  readonly board?: readonly string[];
}

export function inspectCommand(context: CliContext): Command {
  const command = new Command("inspect")
    .summary("show what is in a .syn file and which boards it fits")
    .description(
      "Validate a packed model and show its entry points, sizes, program, memory plan, and which boards it fits.",
    )
    .argument("<model>", "packed model (.syn)")
    .option("--ops", "list every op")
    .option("--tensors", "list every tensor")
    .option(
      "--board <file>",
      "board to check: a file, or its name in boards/; may be repeated (default: all of them)",
      collect,
    );
  return addCommonOptions(command).action(async (model: string, options: InspectOptions) => {
    const [{ inspectFile }, { inspectText }] = await Promise.all([
      import("../../run/inspectFile.js"),
      import("../../report/text/inspectText.js"),
    ]);
    const report = await inspectFile(model, options.board);
    if (options.json) return printJson(context, report);
    return print(
      context,
      inspectText(context, report, { ops: options.ops ?? false, tensors: options.tensors ?? false }),
    );
  });
}
