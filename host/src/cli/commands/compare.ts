import { Command, Option } from "commander";
import type { AttentionCompute } from "../../format/ops.js";
import type { Activations } from "../../lower/activations.js";
import type { CliContext } from "../context.js";
import {
  activationsOption,
  addBarOptions,
  addCommonOptions,
  addEngineOptions,
  attentionOption,
  type BarOptions,
  barsOf,
  collect,
  type EngineOptions,
  integerOption,
} from "../options.js";
import { createProgress } from "../progress.js";

interface CompareOptions extends EngineOptions, BarOptions {
  readonly eval?: string;
  readonly type?: readonly string[];
  readonly attention?: AttentionCompute;
  readonly activations?: Activations;
  readonly images?: string;
  readonly imagesMax: number;
  readonly actions?: string;
  readonly config?: string;
  readonly stateDict?: string;
  readonly prefix?: string;
  readonly seed: number;
  readonly expected?: string;
}

const NOTES = `
Examples:
  synapse-host compare lewm.syn lewm.safetensors --images frames/
  synapse-host compare lewm.syn --eval models/lewm-tworoom
  synapse-host compare --eval models/lewm-tworoom --type i4

The checkpoint is packed as f32 in memory and run by the native engine: that is the reference.
\`predict\` starts from the reference's latents and shows the error of one step; \`rollout n\` starts
from each model's own encoding and shows what has accumulated after n steps.

Latents of a model share a large mean, which flatters the cosine. \`centred\` is the cosine after
the mean of the reference's outputs is taken from both, \`rel. error\` the mean squared error over
their variance; bars apply to the worst of these.

The reference has the pack's own configuration, so a wrong one does not show here:
\`synapse-host verify-model\` and --expected compare with outputs of your own PyTorch.`;

export function compareCommand(context: CliContext): Command {
  const command = new Command("compare")
    .summary("measure what packing changed")
    .description(
      "Compare a packed model with its checkpoint in f32: cosine, centred cosine and errors of every entry point, " +
        "and of rollouts of 10, 20 and 50 steps.",
    )
    .argument("[model]", "packed model (.syn)")
    .argument("[checkpoint]", "the checkpoint that it was packed from")
    .option("--images <folder>", "pictures to encode: a folder with its subfolders, a zip archive, or one file")
    .addOption(
      new Option(
        "--eval <folder>",
        "a model's folder with its eval.zip, and whatever of model and checkpoint is not named",
      ).conflicts("images"),
    )
    .option("--type <types>", "storage types to pack with where --eval finds no pack (default: i8)", collect)
    .addOption(attentionOption())
    .addOption(activationsOption())
    .option("--images-max <n>", "pictures to use at most, evenly spread over all", integerOption(1, 1_000_000), 64)
    .option("--actions <file>", "JSON rows of actions for the rollouts (default: seeded random)")
    .option("--config <file>", "configuration: a file, or its name in configs/ (default: the one in the pack)")
    .option("--state-dict <path>", "dict of a torch file to take the weights from (default: the one that was packed)")
    .option("--prefix <text>", "what all names begin with and the config leaves out (default: found)")
    .option("--seed <n>", "seed of random actions and inputs", integerOption(1, 2 ** 32 - 1), 1)
    .option("--expected <file>", "outputs of your own PyTorch to compare with as well (docs/verify.md)");
  addBarOptions(command).addHelpText("after", NOTES);
  addCommonOptions(addEngineOptions(command));
  return command.action(
    async (
      model: string | undefined,
      checkpoint: string | undefined,
      { eval: folder, type, attention, activations, ...given }: CompareOptions,
    ) => {
      if (folder === undefined)
        requireNamed(command, model, checkpoint, {
          "--type <types>": type,
          "--attention <how>": attention,
          "--activations <how>": activations,
        });
      const [{ comparePack }, { compareFolder }, { showComparison }] = await Promise.all([
        import("../../run/comparePack.js"),
        import("../../run/modelFolder.js"),
        import("../comparison.js"),
      ]);
      const progress = await createProgress(context, "compare");
      const options = {
        ...given,
        bars: barsOf(given),
        signal: context.signal,
        onProgress: (done: number, total: number, label: string) => progress.update(done, total, label),
      };
      const files = { ...(model === undefined ? {} : { model }), ...(checkpoint === undefined ? {} : { checkpoint }) };
      const comparing =
        folder === undefined
          ? comparePack(model as string, checkpoint as string, options)
          : compareFolder(folder, { ...options, ...files, types: type?.join(","), attention, activations });
      showComparison(context, await comparing.finally(progress.stop), given.json);
    },
  );
}

/** What commander says of a command line that lacks what --eval would find. */
function requireNamed(
  command: Command,
  model: string | undefined,
  checkpoint: string | undefined,
  packing: Readonly<Record<string, unknown>>,
): void {
  const missing = model === undefined ? "model" : checkpoint === undefined ? "checkpoint" : undefined;
  if (missing !== undefined)
    command.error(`error: missing required argument '${missing}'`, { code: "commander.missingArgument", exitCode: 1 });
  for (const [name, value] of Object.entries(packing))
    if (value !== undefined) command.error(`error: option '${name}' needs '--eval <folder>'`, { exitCode: 1 });
}
