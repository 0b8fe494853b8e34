import { setMaxListeners } from "node:events";
import type { Command } from "commander";
import { writeFailed } from "../files/writeFailed.js";
import { type CliContext, createContext } from "./context.js";
import { printError } from "./errors.js";
import { EXIT } from "./exitCodes.js";
import { createProgram } from "./program.js";

/** With --json they print a line for each thing that happens, not one document. */
const LINE_COMMANDS: ReadonlySet<string> = new Set(["push-model", "push-firmware", "watch", "monitor"]);

/** The command and its subcommand, as far as they are there. */
function commandNames(program: Command, args: readonly string[]): string[] {
  for (const [at, arg] of args.entries()) {
    const command = program.commands.find((candidate) => candidate.name() === arg);
    if (command !== undefined) return [command.name(), ...commandNames(command, args.slice(at + 1))];
  }
  return [];
}

/** Runs one command line (without the program's name) and answers its exit code. Never throws. */
export async function main(args: readonly string[], context: CliContext): Promise<number> {
  const verbose = args.includes("--verbose") || Boolean(context.env.SYNAPSE_DEBUG);
  const json = args.includes("--json");
  const program = createProgram(context);
  try {
    if (args.length === 0) program.help({ error: true });
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    const names = commandNames(program, args);
    const lines = names.some((name) => LINE_COMMANDS.has(name));
    return printError(context, error, { verbose, json, lines, command: names.join(" ") || null });
  }
}

/** The program: runs the process's command line on its streams, with Ctrl-C, SIGTERM and a closed pipe handled. */
export async function runProcess(): Promise<void> {
  const abort = new AbortController();
  // What waits for many boards at once listens many times.
  setMaxListeners(0, abort.signal);
  const interrupt = () => {
    // The second Ctrl-C of an impatient user must work even when a command does not look at the signal.
    if (abort.signal.aborted) process.exit(130);
    abort.abort(new Error("interrupted"));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  // Nobody reads what is said there; the work goes on.
  process.stderr.on("error", () => undefined);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // `synapse-host inspect x.syn | head` closes the pipe early; that is no failure. A full disk behind stdout is one
    // like that of any file.
    if (error.code === "EPIPE") process.exit(EXIT.ok);
    process.exit(printError(context, writeFailed("stdout", error), { verbose: false, json: false, command: null }));
  });
  const context = createContext(process.stdout, process.stderr, process.env, abort.signal);
  process.exitCode = await main(process.argv.slice(2), context);
}
