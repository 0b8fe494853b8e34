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
  readonly eval?: string | true;
  readonly trajectories?: number;
  readonly report?: string;
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
  synapse-host compare lewm.syn models/lewm-tworoom --eval --trajectories 500 --report lewm.html

The checkpoint is packed as f32 in memory and run by the native engine: that is the reference.
\`predict\` starts from the reference's latents and shows the error of one step; \`rollout n\` starts
from each model's own encoding and shows what has accumulated after n steps.

Latents of a model share a large mean, which flatters the cosine. \`centred\` is the cosine after
the mean of the reference's outputs is taken from both, \`rel. error\` the mean squared error over
their variance; bars apply to the worst of these.

--trajectories judges a world model in full, on the held-out episodes of the evaluation set: rollouts
of 1 to 50 steps, what a probe reads from latents, surprise, and beside each figure that of the f32
model on pictures moved by half a pixel. A bar applies to the worst of every row there, too.

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
        "--eval [folder]",
        "a model's folder with its eval.zip, and whatever of model and checkpoint is not named (or as last argument)",
      ).conflicts("images"),
    )
    .addOption(
      new Option("--trajectories <n>", "judge on so many held-out trajectories of --eval (500 say something)")
        .argParser(integerOption(2, 1_000_000))
        .conflicts(["images", "actions", "expected"]),
    )
    .option("--report <file>", "write what --trajectories finds as one HTML file, with plots")
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
    async (first: string | undefined, second: string | undefined, { eval: given, ...options }: CompareOptions) => {
      const { folder, model, checkpoint } = namedFiles(command, first, second, given);
      if (folder === undefined)
        requireNamed(command, model, checkpoint, {
          "--type <types>": options.type,
          "--attention <how>": options.attention,
          "--activations <how>": options.activations,
          "--trajectories <n>": options.trajectories,
        });
      const files = { ...(model === undefined ? {} : { model }), ...(checkpoint === undefined ? {} : { checkpoint }) };
      if (options.trajectories !== undefined) await judgeFolder(context, folder as string, files, options);
      else if (options.report !== undefined)
        command.error("error: option '--report <file>' needs '--trajectories <n>'");
      else await compareFiles(context, folder, files, options);
    },
  );
}

interface NamedFiles {
  readonly model?: string;
  readonly checkpoint?: string;
}

/** What the arguments are: with `--eval` alone, the last one is the model's folder. */
function namedFiles(
  command: Command,
  first: string | undefined,
  second: string | undefined,
  given: string | true | undefined,
): { folder: string | undefined; model: string | undefined; checkpoint: string | undefined } {
  if (given !== true) return { folder: given, model: first, checkpoint: second };
  const folder = second ?? first;
  if (folder === undefined) command.error("error: option '--eval' needs a folder, its own or the last argument");
  return { folder, model: second === undefined ? undefined : first, checkpoint: undefined };
}

async function compareFiles(
  context: CliContext,
  folder: string | undefined,
  files: NamedFiles,
  { type, attention, activations, ...given }: Omit<CompareOptions, "eval">,
): Promise<void> {
  const [{ comparePack }, { compareFolder }, { showComparison }] = await Promise.all([
    import("../../run/comparePack.js"),
    import("../../run/modelFolder.js"),
    import("../comparison.js"),
  ]);
  const progress = await createProgress(context, "compare");
  const options = { ...given, bars: barsOf(given), signal: context.signal, onProgress: progress.update };
  const comparing =
    folder === undefined
      ? comparePack(files.model as string, files.checkpoint as string, options)
      : compareFolder(folder, { ...options, ...files, types: type?.join(","), attention, activations });
  showComparison(context, await comparing.finally(progress.stop), given.json);
}

async function judgeFolder(
  context: CliContext,
  folder: string,
  files: NamedFiles,
  { type, attention, activations, report, ...given }: Omit<CompareOptions, "eval">,
): Promise<void> {
  const [{ judge }, { onModelFolder }, { showJudgement }, { requireWritable }] = await Promise.all([
    import("../../judge/judge.js"),
    import("../../run/modelFolder.js"),
    import("../judgement.js"),
    import("../../files/requireWritable.js"),
  ]);
  // Known before the minutes of a judgement, not after.
  if (report !== undefined) await requireWritable(report);
  const progress = await createProgress(context, "judge");
  const trajectories = given.trajectories as number;
  const options = { ...given, trajectories, bars: barsOf(given), signal: context.signal, onProgress: progress.update };
  const judging = onModelFolder(
    folder,
    { ...options, ...files, types: type?.join(","), attention, activations },
    (pack, weights, evaluation) => judge(pack, weights, { ...options, evaluation }),
  );
  await showJudgement(context, await judging.finally(progress.stop), given.json, report);
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
