import { Command } from "commander";
import { type CliContext, print, printJson } from "../context.js";
import { addCommonOptions, type CommonOptions } from "../options.js";
import { outputPlace } from "../standardOutput.js";

interface SignOptions extends CommonOptions {
  readonly key: string;
  readonly output?: string;
}

const NOTES = `
The signature follows the pack in the same file, 96 bytes that every reader of packs steps over. A board with update
keys (sim --update-key) takes only what one of them signed, however it comes: uploaded, announced, or from the page.

Example:
  synapse-host keygen update
  synapse-host sign lewm.syn --key update.pem
  synapse-host verify lewm.syn --key update.pub.pem`;

export function signCommand(context: CliContext): Command {
  const command = new Command("sign")
    .summary("sign a .syn file for boards that ask for it")
    .description(
      "Sign a packed model, so that boards which trust the key take it. A signature that it has already is replaced.",
    )
    .argument("<model>", "packed model (.syn)")
    .requiredOption("--key <file>", "private key (PEM), as keygen makes them")
    .option("-o, --output <file>", "where to write; - is stdout (default: the model itself)")
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async (model: string, { key, output, json }: SignOptions) => {
    const { output: place, report } = outputPlace(context, output, json);
    const { signPackFile } = await import("../../sign/signPackFile.js");
    const signed = await signPackFile(model, key, place);
    if (json) return printJson(context, { command: "sign", ...signed });
    return print(report, `${signed.output} is signed by key ${signed.keyId}`);
  });
}
