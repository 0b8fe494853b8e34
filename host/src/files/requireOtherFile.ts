import { stat } from "node:fs/promises";
import { InputError } from "synapse-engine/errors";

/**
 * Rejects with InputError `OUTPUT_IS_INPUT` when `output` is one of the files that it is made from, under whatever
 * name: a trained model or a key written over is lost.
 */
export async function requireOtherFile(output: string, inputs: readonly (string | undefined)[]): Promise<void> {
  const identity = async (path: string) => {
    const found = await stat(path).catch(() => undefined);
    return found === undefined ? undefined : `${found.dev} ${found.ino}`;
  };
  const written = await identity(output);
  if (written === undefined) return;
  for (const input of inputs) {
    if (input === undefined || (await identity(input)) !== written) continue;
    throw new InputError({
      code: "OUTPUT_IS_INPUT",
      source: output,
      message: "is read from, and would be written over",
      expected: "another name for the output (-o)",
    });
  }
}
