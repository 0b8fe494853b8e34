/** What goes wrong, in words for people: what happened, and what would be right. */
export interface Trouble {
  readonly text: string;
  readonly hint: string;
  /** The board wants its owner's token. */
  readonly wantsToken: boolean;
  /** It says no more than that the board does not answer. */
  readonly onlySilence: boolean;
}

/** RFC 9457 problem details as a board gives them. */
interface ProblemDetails {
  readonly detail?: string;
  readonly code?: string;
  readonly field?: string;
  readonly expected?: string;
  readonly retry_after_s?: number;
}

/** A request that the board refused, in its own words. */
export class BoardProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  readonly retryAfterS: number | undefined;

  constructor(status: number, details: ProblemDetails) {
    super(details.detail ?? `The board answered ${status}.`);
    this.name = "BoardProblem";
    this.status = status;
    this.code = details.code ?? "";
    // Of a request that is one file the field is always its body, which says nothing to people.
    const where = details.field === undefined || details.field === "body" ? "" : `${details.field}: `;
    this.hint = details.expected === undefined ? "" : `${where}expected ${details.expected}`;
    this.retryAfterS = details.retry_after_s;
  }
}

/** Something that went wrong on this side: the browser, a file, the network. */
export class PageProblem extends Error {
  readonly hint: string;

  constructor(message: string, hint = "") {
    super(message);
    this.name = "PageProblem";
    this.hint = hint;
  }
}

/** The board did not answer, or not to the end. */
export class Unreachable extends PageProblem {}

export async function problemOf(response: Response): Promise<BoardProblem> {
  const details: unknown = await response.json().catch(() => ({}));
  return new BoardProblem(response.status, typeof details === "object" && details !== null ? details : {});
}

/** Trouble of the same kind, which says first what it was that failed. */
export function failing(what: string, error: unknown): unknown {
  if (!(error instanceof BoardProblem) || isTokenProblem(error)) return error;
  error.message = `${what} failed: ${error.message}`;
  return error;
}

/** It would have been done with the right token; what lost its right under way is told in the board's words. */
function isTokenProblem({ status, code }: BoardProblem): boolean {
  return status === 401 && code !== "RIGHT_LOST";
}

/** Whether work ended because it was asked to. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

export function troubleOf(error: unknown): Trouble {
  if (error instanceof BoardProblem && isTokenProblem(error))
    return {
      text:
        error.code === "TOKEN_WRONG"
          ? "This browser’s token is not this board’s."
          : "Only the board’s owner can do this.",
      hint: "Paste the owner’s token to unlock it.",
      wantsToken: true,
      onlySilence: false,
    };
  const { message } = error instanceof Error ? error : new Error(String(error));
  const hint = error instanceof BoardProblem || error instanceof PageProblem ? error.hint : "";
  return {
    text: message.charAt(0).toUpperCase() + message.slice(1),
    hint,
    wantsToken: false,
    onlySilence: error instanceof Unreachable && hint === "",
  };
}
