import { CommanderError } from "commander";
import { EngineError, InputError } from "synapse-engine/errors";
import { printable } from "../report/text/printable.js";
import { type CliContext, printJson, printJsonLine } from "./context.js";
import { EXIT } from "./exitCodes.js";

/** What is printed of an error, and the exit code that follows. */
export interface ErrorReport {
  readonly exitCode: number;
  readonly message: string;
  readonly code: string | undefined;
  readonly hint: string | undefined;
}

/** What to do about an error, by code: only where it is not plain from the message. */
const HINTS: Readonly<Record<string, string>> = {
  MAGIC: "`synapse-host pack` makes .syn files from checkpoints",
  PACK_MAGIC: "`synapse-host pack` makes .syn files from checkpoints",
  DIGEST: "the file was damaged on its way: copy it again, or pack it again",
  TRUNCATED: "the file was cut on its way: copy it again, or pack it again",
  VERSION: "pack the model again with this version, or use the version that packed it",
  GOLDEN: "this build of the runtime computes another result than the one that packed the model: run `npm run build`",
  OUT_OF_MEMORY: "`synapse-host inspect` shows what the model needs",
  BUILD_MISSING: "`npm run build` makes every build of the runtime",
  ADDON_MISSING: "--engine wasm needs no addon; without --engine it is taken by itself",
  QEMU_MISSING:
    "it is in the package qemu-system-misc (Debian, Ubuntu) or qemu (Homebrew); --engine native needs nothing",
};

/** Errors of an engine that are no fault of what the user gave. */
const ENGINE_FAILURES: ReadonlySet<string> = new Set([
  "ADDON_MISSING",
  "BUILD",
  "BUILD_MISSING",
  "TRAP",
  "STOPPED",
  "TIMEOUT",
]);

/** Thrown to end a command with an exit code when everything has been said already. */
export class ExitRequest extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

export function reportOf(error: unknown, interrupted: boolean): ErrorReport {
  if (interrupted) return { exitCode: EXIT.interrupted, message: "interrupted", code: undefined, hint: undefined };
  if (error instanceof InputError || error instanceof EngineError) {
    const failure = error instanceof EngineError && ENGINE_FAILURES.has(error.code);
    return {
      exitCode: failure ? EXIT.failure : EXIT.input,
      message: error.message,
      code: error.code,
      hint: HINTS[error.code],
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    exitCode: EXIT.failure,
    message: `internal error: ${message}`,
    code: undefined,
    hint: "run it with --verbose to see where",
  };
}

/**
 * Prints an error as `error: <message> [CODE]` and a hint on stderr; with `verbose` the stack too. With `json` a
 * program that reads stdout finds the same there as a document, in one line where the command prints lines. Answers the
 * exit code.
 */
export function printError(
  context: CliContext,
  error: unknown,
  options: { verbose: boolean; json: boolean; lines?: boolean; command: string | null },
): number {
  const { verbose, json, lines, command } = options;
  const printDocument = lines ? printJsonLine : printJson;
  if (error instanceof ExitRequest) return error.exitCode;
  if (error instanceof CommanderError) {
    // Commander has printed its own message, or the help that was asked for, already.
    if (error.exitCode === 0) return EXIT.ok;
    const message = error.message.replace(/^error: /, "");
    if (json)
      printDocument(
        context,
        errorDocument(command, { code: "USAGE", message, expected: "what --help of the command describes" }),
      );
    return EXIT.input;
  }
  const { paintError } = context;
  const { exitCode, message, code, hint } = reportOf(error, context.signal.aborted);
  const label =
    exitCode === EXIT.interrupted
      ? paintError.yellow("interrupted")
      : `${paintError.red("error:")} ${printable(message)}`;
  context.stderr.write(`${label}${code ? paintError.dim(` [${code}]`) : ""}\n`);
  if (hint && !verbose) context.stderr.write(`${paintError.dim("hint:")} ${hint}\n`);
  if (verbose && error instanceof Error && error.stack) context.stderr.write(`${paintError.dim(error.stack)}\n`);
  if (json)
    printDocument(
      context,
      errorDocument(command, { code: code ?? fallbackCode(exitCode), message, hint, ...placeOf(error) }),
    );
  return exitCode;
}

/** Where something is wrong, as far as the error says. */
function placeOf(error: unknown): Partial<ErrorParts> {
  if (!(error instanceof InputError)) return {};
  return { file: error.source, at: error.where, expected: error.expected, details: error.details };
}

function fallbackCode(exitCode: number): string {
  return exitCode === EXIT.interrupted ? "INTERRUPTED" : "INTERNAL";
}

interface ErrorParts {
  readonly code: string;
  readonly message: string;
  readonly file?: string;
  readonly at?: string | undefined;
  readonly expected?: string | undefined;
  readonly hint?: string | undefined;
  readonly details?: InputError["details"];
}

/** All keys are there in every document; what does not apply is null. */
function errorDocument(command: string | null, { code, message, file, at, expected, hint, details }: ErrorParts) {
  const absent = {
    file: file ?? null,
    at: at ?? null,
    expected: expected ?? null,
    hint: hint ?? null,
    details: details ?? null,
  };
  return { command, error: { code, message, ...absent } };
}
