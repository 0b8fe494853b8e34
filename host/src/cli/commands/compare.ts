import { Command } from "commander";
import { comparePack } from "../../engine/comparePack.js";
import { compareText } from "../../report/text/compareText.js";
import { type CliContext, print, printJson } from "../context.js";
import { ExitRequest } from "../errors.js";
import { EXIT } from "../exitCodes.js";
import { addCommonOptions, addEngineOptions, type EngineOptions, integerOption, numberOption } from "../options.js";
import { createProgress } from "../progress.js";

interface CompareOptions extends EngineOptions {
  readonly images?: string;
  readonly actions?: string;
  readonly config?: string;
  readonly seed: number;
  readonly minCosine?: number;
}

const NOTES = `
The checkpoint is packed as f32 in memory and run by the native engine: that is the reference.
\`predict\` starts from the reference's latents and shows the error of one step; \`rollout n\` starts
from each model's own encoding and shows what has accumulated after n steps.`;

export function compareCommand(context: CliContext): Command {
  const command = new Command("compare")
    .summary("measure what packing changed")
    .description(
      "Compare a packed model with its checkpoint in f32: cosine and largest error of every entry point, and of rollouts of 10, 20 and 50 steps.",
    )
    .argument("<model>", "packed model (.syn)")
    .argument("<checkpoint>", "the checkpoint that it was packed from")
    .option("--images <folder>", "pictures to encode: a folder, or one file")
    .option("--actions <file>", "JSON rows of actions for the rollouts (default: seeded random)")
    .option("--config <file>", "configuration (default: the one in the pack)")
    .option("--seed <n>", "seed of random actions and inputs", integerOption(1, 2 ** 32 - 1), 1)
    .option("--min-cosine <x>", "leave with exit code 1 when a worst cosine is below", numberOption(-1, 1))
    .addHelpText("after", NOTES);
  addCommonOptions(addEngineOptions(command));
  return command.action(async (model: string, checkpoint: string, options: CompareOptions) => {
    const progress = createProgress(context, "compare");
    const report = await comparePack(model, checkpoint, {
      ...options,
      signal: context.signal,
      onProgress: (done, total, label) => progress.update(done, total, label),
    }).finally(progress.stop);
    if (options.json) printJson(context, report);
    else print(context, compareText(context, report));
    if (!report.pass) throw new ExitRequest(EXIT.failure);
  });
}
