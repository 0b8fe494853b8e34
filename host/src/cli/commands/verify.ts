import { Command } from "commander";
import { type CliContext, print, printJson } from "../context.js";
import { addCommonOptions, type CommonOptions, collect } from "../options.js";

interface VerifyOptions extends CommonOptions {
  readonly key: readonly string[];
}

const NOTES = `
Exit code 0: signed by one of the keys. Anything else a board with these keys would refuse too, for the reason that
is printed.`;

export function verifyCommand(context: CliContext): Command {
  const command = new Command("verify")
    .summary("check who signed a .syn file")
    .description("Check that a packed model is whole and that one of the keys signed it.")
    .argument("<model>", "packed model (.syn)")
    .requiredOption("--key <file>", "public key (PEM); may be repeated", collect)
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async (model: string, { key, json }: VerifyOptions) => {
    const { verifyPackFile } = await import("../../sign/signPackFile.js");
    const keyId = await verifyPackFile(model, key);
    if (json) return printJson(context, { command: "verify", model, keyId });
    return print(context, `${model} is signed by key ${keyId}`);
  });
}
