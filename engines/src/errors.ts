/**
 * Something the user gave is wrong: a file, a body, an option. The message names the thing, the place in it, and what
 * would be right. Command-line programs print it without a stack and leave with exit code 2.
 */
export class InputError extends Error {
  override readonly name: string = "InputError";
  /** Stable and machine-readable, e.g. `SAFETENSORS_HEADER_TOO_LARGE`. */
  readonly code: string;
  /** The file, option or request the input came from. */
  readonly source: string;
  /** Where in the source: a byte offset, a JSON path, a tensor's name. */
  readonly where: string | undefined;
  /** What would be right, when it can be said. */
  readonly expected: string | undefined;
  /** Whole lists that the message names the first of, for programs. */
  readonly details: Readonly<Record<string, readonly string[]>> | undefined;

  constructor(parts: {
    code: string;
    source: string;
    message: string;
    where?: string;
    expected?: string;
    details?: Readonly<Record<string, readonly string[]>>;
  }) {
    const place = parts.where === undefined ? "" : ` at ${parts.where}`;
    const hint = parts.expected === undefined ? "" : `; expected ${parts.expected}`;
    super(`${parts.source}${place}: ${parts.message}${hint}`);
    this.code = parts.code;
    this.source = parts.source;
    this.where = parts.where;
    this.expected = parts.expected;
    this.details = parts.details;
  }
}

/** An error of the runtime: `code` is the name in synapse.h without its prefix (`DIGEST`, `TENSOR`, ...). */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly code: string;
  readonly offset: number | undefined;
  constructor(code: string, message: string, offset?: number) {
    super(message);
    this.code = code;
    this.offset = offset;
  }
}
