import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { inputError } from "../files/inputError.js";
import type { CliContext } from "./context.js";

/**
 * A secret that stands in no command line: from the environment variable `name`, typed on the terminal without being
 * shown, or the first line of stdin. Rejects with an InputError `SECRET_MISSING`.
 */
export async function askSecret(context: CliContext, name: string, question: string): Promise<string> {
  const given = context.env[name];
  if (given !== undefined) return given;
  if (process.stdin.isTTY) return askTerminal(context, question, process.stdin);
  const lines = createInterface({ input: process.stdin, signal: context.signal });
  for await (const line of lines) {
    lines.close();
    return line;
  }
  throw inputError(question, "SECRET_MISSING", "it is not given", {
    expected: `the environment variable ${name}, a terminal to type it on, or a line on stdin`,
  });
}

/** Enter, or the end of the input. */
const ENDS = ["\r", "\n", "\u0004"];
const CTRL_C = "\u0003";
const BACKSPACES = ["\u007f", "\b"];

/** A terminal that is typed on, as `process.stdin` is one. */
export interface TypedTerminal extends Readable {
  setRawMode(raw: boolean): unknown;
}

/** Asks without showing what is typed, and leaves the terminal as it was: Ctrl-C ends what follows. */
export async function askTerminal(context: CliContext, question: string, terminal: TypedTerminal): Promise<string> {
  // First, so that nothing is shown of what somebody types as soon as they are asked.
  terminal.setRawMode(true);
  terminal.setEncoding("utf8");
  context.stderr.write(`${question}: `);
  let secret: string[] = [];
  try {
    // A stream that ends with its loop would take the terminal with it, in the mode that it is in.
    for await (const typed of terminal.iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
      // A paste comes in one piece; an emoji is one character of it.
      for (const character of typed) {
        if (ENDS.includes(character)) return secret.join("");
        if (character === CTRL_C) {
          process.kill(process.pid, "SIGINT");
          throw new Error("interrupted");
        }
        if (BACKSPACES.includes(character)) secret = secret.slice(0, -1);
        else secret.push(character);
      }
    }
    return secret.join("");
  } finally {
    terminal.setRawMode(false);
    terminal.pause();
    context.stderr.write("\n");
  }
}
