import { Command } from "commander";
import { type CliContext, print, printJson } from "../context.js";
import { addCommonOptions, type CommonOptions } from "../options.js";

const NOTES = `
The key is one of ECDSA on P-256, as openssl makes them too:
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out NAME.pem
Keep NAME.pem where nobody else reads it, and a copy of it: boards that trust the key take models from nobody else.
NAME.pub.pem is for them.`;

export function keygenCommand(context: CliContext): Command {
  const command = new Command("keygen")
    .summary("make a key for signing models")
    .description("Make a key for signing models: NAME.pem, which signs, and NAME.pub.pem, for boards to check with.")
    .argument("<name>", "where to write, without .pem")
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async (name: string, { json }: CommonOptions) => {
    const [{ createUpdateKey }, { renderFields }] = await Promise.all([
      import("../../sign/updateKeys.js"),
      import("../../report/table.js"),
    ]);
    const { keyId, privateFile, publicFile } = await createUpdateKey(name);
    if (json) return printJson(context, { command: "keygen", keyId, privateFile, publicFile });
    const fields: [string, string][] = [
      ["key", keyId],
      ["to sign with", privateFile],
      ["for boards", publicFile],
    ];
    return print(context, renderFields(fields, context.paint.dim));
  });
}
