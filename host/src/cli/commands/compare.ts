import { Command } from "commander";
import type { CliContext } from "../context.js";
import {
  addBarOptions,
  addCommonOptions,
  addEngineOptions,
  type BarOptions,
  barsOf,
  type EngineOptions,
  integerOption,
} from "../options.js";
import { createProgress } from "../progress.js";

interface CompareOptions extends EngineOptions, BarOptions {
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
      "Compare a packed model with its checkpoint in f32: cosine, centred cosine and errors of every entry point, and of rollouts of 10, 20 and 50 steps.",
    )
    .argument("<model>", "packed model (.syn)")
    .argument("<checkpoint>", "the checkpoint that it was packed from")
    .option("--images <folder>", "pictures to encode: a folder with its subfolders, or one file")
    .option("--images-max <n>", "pictures to use at most, evenly spread over all", integerOption(1, 1_000_000), 64)
    .option("--actions <file>", "JSON rows of actions for the rollouts (default: seeded random)")
    .option("--config <file>", "configuration (default: the one in the pack)")
    .option("--state-dict <path>", "dict of a torch file to take the weights from (default: the one that was packed)")
    .option("--prefix <text>", "what all names begin with and the config leaves out (default: found)")
    .option("--seed <n>", "seed of random actions and inputs", integerOption(1, 2 ** 32 - 1), 1)
    .option("--expected <file>", "outputs of your own PyTorch to compare with as well (docs/verify.md)");
  addBarOptions(command).addHelpText("after", NOTES);
  addCommonOptions(addEngineOptions(command));
  return command.action(async (model: string, checkpoint: string, options: CompareOptions) => {
    const [{ comparePack }, { showComparison }] = await Promise.all([import("../../run/comparePack.js"), import("../comparison.js")]);
    const progress = await createProgress(context, "compare");
    const report = await comparePack(model, checkpoint, {
      ...options,
      bars: barsOf(options),
      signal: context.signal,
      onProgress: (done, total, label) => progress.update(done, total, label),
    }).finally(progress.stop);
    showComparison(context, report, options.json);
  });
}
