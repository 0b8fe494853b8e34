/**
 * Something the user gave is wrong: a file, a body, an option. The message names the thing, the place in it, and what would be right.
 * Command-line programs print it without a stack and leave with exit code 2.
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

  constructor(details: { code: string; source: string; message: string; where?: string; expected?: string }) {
    const place = details.where === undefined ? "" : ` at ${details.where}`;
    const hint = details.expected === undefined ? "" : `; expected ${details.expected}`;
    super(`${details.source}${place}: ${details.message}${hint}`);
    this.code = details.code;
    this.source = details.source;
    this.where = details.where;
    this.expected = details.expected;
  }
}
