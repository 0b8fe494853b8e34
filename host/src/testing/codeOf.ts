import { InputError } from "synapse-engine/errors";

/** The code of the InputError that something throws; anything else that it throws is thrown on. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error.code;
    throw error;
  }
  return "no error";
}
