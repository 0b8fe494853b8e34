import { Command } from "commander";
import { printable } from "../../report/text/printable.js";
import { type CliContext, note, print, printJson } from "../context.js";
import { addCommonOptions, type CommonOptions, collect, integerOption, reasonOption } from "../options.js";
import { createProgress } from "../progress.js";
import { outputPlace } from "../standardOutput.js";

interface CompressOptions extends CommonOptions {
  readonly config?: string;
  readonly type?: readonly string[];
  readonly images?: string;
  readonly imagesMax: number;
  readonly steps: number;
  readonly seed: number;
  readonly threads?: number;
  readonly statistics?: string;
  readonly board?: string;
  readonly actionStats?: string;
  readonly stateDict?: string;
  readonly prefix?: string;
  readonly name?: string;
  readonly ignoreMetadata?: string;
  readonly judge: boolean;
  readonly output: string;
}

const NOTES = `
The model runs in f32 on the calibration pictures, and on rollouts from them with seeded actions.
Each linear layer is then rounded so that its outputs on those inputs change least (GPTQ), and its
bias takes what is left of the mean. This is for the types of one integer scale a row;
weights of others are rounded as by \`pack\`. docs/compression.md says how, and what it gives.

Of a model's folder (models/lewm-tworoom) the calibration episodes of its eval.zip calibrate and the
test episodes judge: no frame is in both.

Examples:
  synapse-host compress models/lewm-tworoom --type i4 -o lewm.syn
  synapse-host compress lewm.safetensors --config lewm --images frames/ --type i8 -o lewm.syn
  synapse-host compress models/lewm-tworoom --type i4 --statistics lewm.stats -o lewm.syn`;

export function compressCommand(context: CliContext): Command {
  const command = new Command("compress")
    .summary("compile a checkpoint with weights rounded against its own activations")
    .description(
      "Calibrate a model on pictures, quantise it so that its outputs change least, pack it, and judge the pack on " +
        "pictures that calibration has not seen.",
    )
    .argument("<model>", "a model's folder, or file or folder of the weights with --config")
    .option("--config <file>", "architecture and weight map: a file, or its name in configs/ (default: the folder's)")
    .option("--type <types>", "storage type, or pattern=type; may be repeated (default: i8)", collect)
    .option("--images <folder>", "pictures to calibrate with (default: the calibration episodes of the folder)")
    .option("--images-max <n>", "pictures to calibrate with at most", integerOption(1, 100_000), 256)
    .option("--steps <n>", "steps of the rollout from each picture", integerOption(1, 1000), 8)
    .option("--seed <n>", "seed of actions and of the choice of rows", integerOption(1, 2 ** 31 - 1), 1)
    .option("--threads <n>", "threads to use (default: one a core)", integerOption(1, 64))
    .option("--statistics <file>", "keep the calibration here; an interrupted one goes on from it")
    .option("--board <file>", "plan memory for this board, and refuse a model that does not fit it")
    .option("--action-stats <file>", "mean and standard deviation of the actions; their bounds and units")
    .option("--state-dict <path>", "dict of a torch file to take the weights from, dotted")
    .option("--prefix <text>", "what all names begin with and the config leaves out (default: found)")
    .option("--name <name>", "name of the model (default: the config's)")
    .option(
      "--ignore-metadata <reason>",
      "why the config is right where config.json or a GGUF's metadata contradict it",
      reasonOption,
    )
    .option("--no-judge", "leave out the comparison with the checkpoint")
    .requiredOption("-o, --output <file>", "where to write; - is stdout, and is not judged")
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(
    async (model: string, { type, output: given, json, ...options }: CompressOptions) => {
      const { output, report: reported } = outputPlace(context, given, json);
      const [{ compressModel }, { compressText }] = await Promise.all([
        import("../../pipeline/compressModel.js"),
        import("../../report/text/compressText.js"),
      ]);
      const progress = await createProgress(context, "compress");
      const report = await compressModel({
        ...options,
        model,
        types: type?.join(","),
        output: output as string,
        signal: context.signal,
        onProgress: (done, total, label) => progress.update(done, total, label),
      }).finally(progress.stop);
      if (json) printJson(context, report);
      else print(reported, compressText(reported, report));
      for (const warning of report.warnings)
        note(context, `${context.paintError.yellow("warning:")} ${printable(warning)}`);
    },
  );
}
