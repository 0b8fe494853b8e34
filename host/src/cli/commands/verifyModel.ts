import { Command } from "commander";
import type { CliContext } from "../context.js";
import {
  addBarOptions,
  addCommonOptions,
  addEngineOptions,
  type BarOptions,
  barsOf,
  type EngineOptions,
} from "../options.js";
import { createProgress } from "../progress.js";

interface VerifyModelOptions extends EngineOptions, BarOptions {
  readonly expected: string;
}

/** Int8 of a model that bears it stays above; a wrong configuration does not come near. */
const MIN_CENTRED = 0.98;

const NOTES = `
The file holds safetensors named <entry>.<number>.<input or output>: encode.0.image, encode.0.latent,
encode.1.image, ... docs/verify.md has the lines of Python that save it. Without a bar of your own
the worst centred cosine has to reach ${MIN_CENTRED}; an f32 pack reaches 0.9999.`;

export function verifyModelCommand(context: CliContext): Command {
  const command = new Command("verify-model")
    .summary("hold a model against outputs of your own PyTorch")
    .description(
      "Run a packed model on inputs that you saved with the outputs of your own implementation, and compare. Of " +
        "all checks this one alone sees a wrong configuration.",
    )
    .argument("<model>", "packed model (.syn)")
    .requiredOption("--expected <file>", "inputs and outputs that you saved (safetensors)");
  addBarOptions(command).addHelpText("after", NOTES);
  addCommonOptions(addEngineOptions(command));
  return command.action(async (model: string, options: VerifyModelOptions) => {
    const [{ verifyModel }, { showComparison }] = await Promise.all([
      import("../../run/verifyModel.js"),
      import("../comparison.js"),
    ]);
    const progress = await createProgress(context, "verify");
    const asked = barsOf(options);
    const report = await verifyModel(model, options.expected, {
      engine: options.engine,
      threads: options.threads,
      bars: Object.keys(asked).length === 0 ? { minCentredCosine: MIN_CENTRED } : asked,
      signal: context.signal,
      onProgress: (done, total, label) => progress.update(done, total, label),
    }).finally(progress.stop);
    showComparison(context, report, options.json);
  });
}
