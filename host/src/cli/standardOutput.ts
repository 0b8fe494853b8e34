import { InputError } from "synapse-engine/errors";
import { isOpenStream } from "../files/atomicWrite.js";
import type { CliContext } from "./context.js";

export interface OutputPlace {
  readonly output: string | undefined;
  /** Where the report goes: to stderr when the file itself goes to stdout. */
  readonly report: CliContext;
}

/**
 * The file that `-o` names; `-` is stdout. Throws InputError `OUTPUT_IS_STDOUT` when `json` asks for a document there
 * too.
 */
export function outputPlace(context: CliContext, output: string | undefined, json: boolean | undefined): OutputPlace {
  const path = output === "-" ? "/dev/stdout" : output;
  if (path === undefined || !isOpenStream(path) || path === "/dev/stderr") return { output: path, report: context };
  if (json) {
    throw new InputError({
      code: "OUTPUT_IS_STDOUT",
      source: "command line",
      message: "the file and the document of --json would both go to stdout",
      expected: "a file's name (-o), or no --json",
    });
  }
  return { output: path, report: { ...context, stdout: context.stderr, paint: context.paintError } };
}
