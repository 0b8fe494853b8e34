import { Command, InvalidArgumentError } from "commander";
import type { CliContext } from "../../context.js";
import { integerOption, numberOption } from "../../options.js";
import { addFleetOptions } from "./fleetOptions.js";
import type { PushOptions } from "./pushOptions.js";

const NOTES = `
Boards that run the file already are left out, unless --all is given. First come the canaries; none of them may fail.
Then come waves, up to each percentage of all boards. After each wave its boards are watched for --soak seconds: one
that is gone, has restarted or runs no model counts as failed. With more failures than --max-failures the roll-out
stops; boards keep what they ran before a failed update.

What has been done stands in the state file. Ctrl-C stops the roll-out, the same command goes on with it; boards that
failed are tried again only with --retry-failed. A broker that goes away is waited for, and boards with it.
Exit code 0: every board runs the file. 1: stopped, or a board failed or was away. 2: the broker is not there or says
no, or something given is wrong; boards keep what they run. 130: Ctrl-C.

The file is served from here, under an address that nobody guesses, as long as the command runs; with --url boards
fetch it elsewhere.`;

export function pushCommand(context: CliContext, kind: "model" | "firmware"): Command {
  const file = kind === "model" ? "packed model (.syn)" : "application image (.bin)";
  const command = new Command(`push-${kind}`)
    .summary(
      kind === "model" ? "have boards run a model, wave after wave" : "have boards run a firmware, wave after wave",
    )
    .description(`Have boards fetch a ${kind} and run it, wave after wave, and prove that it runs.`)
    .argument("<file>", file)
    .option("--all", "also boards that say that they run it", false)
    .option("--canaries <n>", "boards of the first wave", integerOption(0, 1000), 1)
    .option("--waves <percentages>", "how far each further wave goes", percentages, [10, 50, 100])
    .option("--parallel <n>", "boards that are updated at once", integerOption(1, 256), 16)
    .option("--max-failures <percent>", "of the boards so far, how many may fail", numberOption(0, 100), 5)
    .option("--soak <s>", "how long a wave is watched before the next", numberOption(0, 86_400), 30)
    .option(
      "--board-timeout <s>",
      "the longest that one board may take, absences included",
      numberOption(1, 86_400),
      900,
    )
    .option("--broker-timeout <s>", "how long a broker that went away is waited for", numberOption(1, 86_400), 600)
    .option("--wait-offline <s>", "how long boards that are away are waited for", numberOption(0, 86_400), 0)
    .option("--url <url>", "where boards fetch the file, in place of this machine")
    .option("--serve-host <address>", "the address under which boards reach this machine (default: found out)")
    .option("--serve-port <n>", "port of this machine that boards fetch from; 0 takes any", integerOption(0, 65535), 0)
    .option("--state <file>", "where the state is kept (default: synapse-rollout-<digest>.json)")
    .option("--retry-failed", "try boards again that failed before", false)
    .option("--dry-run", "show the waves, and change nothing", false)
    .addHelpText("after", NOTES);
  return addFleetOptions(command).action(async (path: string, options: PushOptions) => {
    const { push } = await import("./pushFile.js");
    await push(context, kind, path, options);
  });
}

/** Rising percentages, separated by commas. */
function percentages(text: string): number[] {
  const values = text.split(",").map((part) => (/^\d+(\.\d+)?$/.test(part) ? Number(part) : Number.NaN));
  const rising = values.every((value, at) => value > (values[at - 1] ?? 0) && value <= 100);
  if (!rising) throw new InvalidArgumentError("Expected rising percentages up to 100, such as 10,50,100.");
  return values;
}
