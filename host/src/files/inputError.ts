import { InputError } from "synapse-engine/errors";

/** An InputError about `source`, with its place and what would be right when they can be said. */
export function inputError(
  source: string,
  code: string,
  message: string,
  details: { where?: string; expected?: string } = {},
): InputError {
  return new InputError({ code, source, message, ...details });
}

/** A name from a file, safe to print: quoted, control characters escaped, cut when absurdly long. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 117)}...` : name);
}
