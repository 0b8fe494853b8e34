import pc from "picocolors";

type Colors = ReturnType<typeof pc.createColors>;

/** A stream that text goes to: a terminal, a pipe or, in tests, a buffer. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** What a command may touch of its surroundings. */
export interface CliContext {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  readonly paint: Colors;
  readonly paintError: Colors;
  /** Columns of the terminal that `stdout` is; 100 when it is none. */
  readonly width: number;
}

export function createContext(
  stdout: TextStream,
  stderr: TextStream,
  env: CliContext["env"],
  signal: AbortSignal,
): CliContext {
  return {
    stdout,
    stderr,
    env,
    signal,
    paint: pc.createColors(wantsColor(stdout, env)),
    paintError: pc.createColors(wantsColor(stderr, env)),
    width: Math.min(Math.max(stdout.columns ?? 100, 60), 140),
  };
}

/** Colours on terminals only; NO_COLOR (no-color.org) turns them off, FORCE_COLOR on, or off when it is 0. */
export function wantsColor(stream: TextStream, env: CliContext["env"]): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "")
    return env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false";
  return stream.isTTY === true && env.TERM !== "dumb";
}

/** Prints one line, or several, of the report. */
export function print(context: CliContext, text: string): void {
  context.stdout.write(`${text}\n`);
}

/** Prints one JSON document of several, each a line. */
export function printJsonLine(context: CliContext, document: unknown): void {
  context.stdout.write(`${JSON.stringify(document)}\n`);
}

/**
 * Prints the whole answer of a command as one JSON document. Numbers that JSON cannot say (NaN, infinities) become
 * null.
 */
export function printJson(context: CliContext, document: unknown): void {
  const replacer = (_key: string, value: unknown) => {
    if (value instanceof Float32Array || value instanceof Int32Array || value instanceof Uint8Array)
      return Array.from(value);
    return typeof value === "bigint" ? Number(value) : value;
  };
  context.stdout.write(`${JSON.stringify(document, replacer, 2)}\n`);
}

/** A remark that is not part of the report, e.g. a warning. */
export function note(context: CliContext, text: string): void {
  context.stderr.write(`${text}\n`);
}
