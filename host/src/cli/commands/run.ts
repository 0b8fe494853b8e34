import { Command, InvalidArgumentError } from "commander";
import { printable } from "../../report/text/printable.js";
import type { InputFiles } from "../../run/entryInputs.js";
import { type CliContext, note, print, printJson } from "../context.js";
import { addCommonOptions, addEngineOptions, type EngineOptions } from "../options.js";
import { createProgress } from "../progress.js";

interface RunOptions extends EngineOptions {
  readonly image?: string;
  readonly actions?: string;
  readonly latent?: string;
  readonly input?: ReadonlyMap<string, string>;
}

const EXAMPLES = `
Examples:
  synapse-host run lewm.syn encode photo.jpg
  synapse-host run lewm.syn encode photo.jpg --json > start.json
  synapse-host run lewm.syn encode models/lewm-tworoom/eval.zip/test-00/frame-00.png
  synapse-host run lewm.syn predict --latent latents.json --actions actions.json
  synapse-host run lewm.syn rollout --image photo.jpg --actions actions.json

JSON files hold rows of numbers, [[..], ..], or one row, or an object with them under
"actions" or "latents". Actions are one row a step: in the environment's units when the model
was packed with action statistics, else normalised.`;

export function runCommand(context: CliContext): Command {
  const command = new Command("run")
    .summary("run an entry point on files")
    .description(
      "Run an entry point of a packed model on files and show its outputs. `rollout` encodes a picture and " +
        "predicts one latent an action.",
    )
    .argument("<model>", "packed model (.syn)")
    .argument("<entry>", "entry point, or `rollout`")
    .argument("[photo]", "picture (JPEG, PNG, raw .rgb), as --image")
    .option("--image <file>", "picture for the image input; scaled to the model's size")
    .option("--actions <file>", "JSON rows for the action input")
    .option("--latent <file>", "JSON rows for the latent input")
    .option("--input <port=file>", "JSON rows for the input of that name; may be repeated", portFile)
    .addHelpText("after", EXAMPLES);
  addCommonOptions(addEngineOptions(command));
  return command.action(async (model: string, entry: string, photo: string | undefined, options: RunOptions) => {
    const [{ runNamed }, { rolloutText, runText }] = await Promise.all([
      import("../../run/runModel.js"),
      import("../../report/text/runText.js"),
    ]);
    const inputs: InputFiles = {
      image: photo ?? options.image,
      actions: options.actions,
      latent: options.latent,
      byName: options.input ?? new Map(),
    };
    const request = { file: model, engine: options.engine, threads: options.threads, inputs, signal: context.signal };
    const progress = await createProgress(context, "rollout");
    const onStep = (done: number, total: number) => progress.update(done, total, `step ${done} of ${total}`);
    const report = await runNamed(request, entry, onStep).finally(progress.stop);
    if (options.json) printJson(context, report);
    else print(context, report.command === "rollout" ? rolloutText(context, report) : runText(context, report));
    for (const warning of report.warnings)
      note(context, `${context.paintError.yellow("warning:")} ${printable(warning)}`);
  });
}

function portFile(text: string, earlier: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
  const [, port, file] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (!port || !file) throw new InvalidArgumentError("Expected <port>=<file>.");
  return new Map(earlier).set(port, file);
}
