import { BoardError, BoardTimeout, BoardUnreachable, UnexpectedAnswer } from "synapse-client";
import { InputError } from "synapse-engine/errors";
import { inputError } from "../files/inputError.js";

/** Throws an InputError `BOARD_ADDRESS`. */
export function checkedUrl(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw inputError(url, "BOARD_ADDRESS", "this is no address of a board", {
    expected: "http://, then its name or number: `synapse-host discover` lists the boards in the network",
  });
}

/** What a client says of a failure, as an InputError. */
export function boardFailure(error: unknown, url: string): unknown {
  if (error instanceof BoardError)
    return new InputError({
      code: error.code,
      source: url,
      message: error.detail,
      ...(error.field === undefined ? {} : { where: error.field }),
      ...(error.expected === undefined ? {} : { expected: error.expected }),
    });
  if (error instanceof BoardUnreachable || error instanceof BoardTimeout || error instanceof UnexpectedAnswer)
    return inputError(url, "BOARD_UNREACHABLE", error.message, {
      expected: "the address of a board that is on: `synapse-host discover` lists those in the network",
    });
  return error;
}
