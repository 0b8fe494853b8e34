import { Command, Option } from "commander";
import type { SlimStorage } from "../../compress/plain.js";
import type { AttentionCompute } from "../../format/ops.js";
import { storageTypeNames } from "../../format/types.js";
import type { Activations } from "../../lower/activations.js";
import { printable } from "../../report/text/printable.js";
import { type CliContext, note, print, printJson } from "../context.js";
import {
  activationsOption,
  addCommonOptions,
  attentionOption,
  type CommonOptions,
  collect,
  reasonOption,
} from "../options.js";
import { createProgress } from "../progress.js";
import { outputPlace } from "../standardOutput.js";

interface PackOptions extends CommonOptions {
  readonly config: string;
  readonly type?: readonly string[];
  readonly attention?: AttentionCompute;
  readonly activations?: Activations;
  readonly vectors: SlimStorage["vectors"];
  readonly tables: SlimStorage["tables"];
  readonly scales: SlimStorage["scales"];
  readonly board?: string;
  readonly actionStats?: string;
  readonly stateDict?: string;
  readonly prefix?: string;
  readonly name?: string;
  readonly ignoreMetadata?: string;
  readonly golden: boolean;
  readonly output?: string;
}

const NOTES = `
Storage types: ${storageTypeNames.join(", ")}. --type i8 --type 'predictor.*=q4_0' stores
the predictor's layers as q4_0 and all others as i8. Patterns match names in the pack and in the
checkpoint; * stands for any characters, ? for one. The first pattern that matches counts.

Examples:
  synapse-host pack lewm.safetensors --config lewm --type i8 -o lewm.syn
  synapse-host pack weights.pt --config lewm --type i8,encoder.layers.*=i4
  synapse-host pack folder/ --config lewm --action-stats stats.json
  synapse-host pack lewm.safetensors --config lewm --type i4 --vectors f16 --tables i8 --scales f16

stats.json is {"mean": [..], "std": [..]} of the environment's actions over the training set, and perhaps
"bounds": {"min": [..], "max": [..]} and "units": "..", which travel in the pack: plans keep to the bounds.`;

export function packCommand(context: CliContext): Command {
  const command = new Command("pack")
    .summary("compile a checkpoint into one .syn file")
    .description(
      "Compile a checkpoint (safetensors, GGUF, torch .pt or a Hugging Face folder) into one packed model that " +
        "boards run in place.",
    )
    .argument("<checkpoint>", "file or folder of the weights")
    .requiredOption("--config <file>", "architecture and weight map: a file, or its name in configs/")
    .option("--type <types>", "storage type, or pattern=type; may be repeated (default: i8)", collect)
    .addOption(attentionOption())
    .addOption(activationsOption())
    .option("--board <file>", "plan memory for this board, and refuse a model that does not fit it")
    .option(
      "--action-stats <file>",
      "mean and standard deviation of the actions, folded into the model; their bounds and units",
    )
    .option(
      "--state-dict <path>",
      "dict of a torch file to take the weights from, dotted (default: the one that fits the config)",
    )
    .option("--prefix <text>", "what all names begin with and the config leaves out (default: found)")
    .option("--name <name>", "name of the model (default: the config's)")
    .option(
      "--ignore-metadata <reason>",
      "why the config is right where config.json or a GGUF's metadata contradict it",
      reasonOption,
    )
    .option("--no-golden", "leave out the self-test vectors")
    .option("-o, --output <file>", "where to write; - is stdout (default: <name>.syn)")
    .addHelpText("after", NOTES);
  return addCommonOptions(addSlimOptions(command)).action(async (checkpoint: string, options: PackOptions) => {
    const { output, report: reported } = outputPlace(context, options.output, options.json);
    const [{ packCheckpoint }, { packReportText }] = await Promise.all([
      import("../../compile/packCheckpoint.js"),
      import("../../report/text/packReportText.js"),
    ]);
    const progress = await createProgress(context, "pack");
    const report = await packCheckpoint({
      checkpoint,
      config: options.config,
      types: options.type?.join(","),
      attention: options.attention,
      activations: options.activations,
      slim: { vectors: options.vectors, tables: options.tables, scales: options.scales },
      board: options.board,
      actionStats: options.actionStats,
      stateDict: options.stateDict,
      prefix: options.prefix,
      name: options.name,
      ignoreMetadata: options.ignoreMetadata,
      golden: options.golden,
      output,
      signal: context.signal,
      onProgress: (done, total, label) => progress.update(done, total, label),
    }).finally(progress.stop);
    if (!options.json) print(reported, packReportText(reported, report));
    else printJson(context, report);
    for (const warning of report.warnings)
      note(context, `${context.paintError.yellow("warning:")} ${printable(warning)}`);
  });
}

function addSlimOptions(command: Command): Command {
  const option = (flags: string, text: string, types: string[]) =>
    command.addOption(new Option(flags, text).choices(types).default("f32"));
  option("--vectors <type>", "how biases, norms and other single rows are stored", ["f32", "f16"]);
  option("--tables <type>", "how tables of several rows, such as positions, are stored", ["f32", "f16", "i8"]);
  option("--scales <type>", "how the scales of rows are stored, where a type has them", ["f32", "f16"]);
  return command;
}
