/** What the board says went wrong: RFC 9457 problem details, with a stable `code`. */
export class BoardError extends Error {
  override readonly name = "BoardError";
  readonly status: number;
  readonly code: string;
  /** The board's sentence. */
  readonly detail: string;
  /** Where in the request, for example `actions[3]`. */
  readonly field: string | undefined;
  /** What would be right. */
  readonly expected: string | undefined;
  readonly retryAfterS: number | undefined;

  constructor(status: number, problem: Pick<BoardError, "code" | "detail" | "field" | "expected" | "retryAfterS">) {
    const { code, detail, field, expected, retryAfterS } = problem;
    const where = field === undefined ? "" : `${field}: `;
    super(`${where}${detail}${expected === undefined ? "" : `; expected ${expected}`} (${code}, ${status})`);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.field = field;
    this.expected = expected;
    this.retryAfterS = retryAfterS;
  }
}

/** The board did not answer, or its answer broke off. `cause` is the platform's error. */
export class BoardUnreachable extends Error {
  override readonly name = "BoardUnreachable";
}

/** No whole answer came in time. */
export class BoardTimeout extends Error {
  override readonly name = "BoardTimeout";
}

/** The answer is not one that a board gives: another program listens at the address. */
export class UnexpectedAnswer extends Error {
  override readonly name = "UnexpectedAnswer";
}

interface ProblemBody {
  readonly code?: unknown;
  readonly detail?: unknown;
  readonly field?: unknown;
  readonly expected?: unknown;
  readonly retry_after_s?: unknown;
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** The error of an answer whose status is not one of success. */
export function errorOf(status: number, body: string): BoardError | UnexpectedAnswer {
  let problem: ProblemBody;
  try {
    problem = JSON.parse(body) as ProblemBody;
  } catch {
    return new UnexpectedAnswer(`the answer with status ${status} is not one of a board: ${body.slice(0, 80)}`);
  }
  const code = textOf(problem?.code);
  if (code === undefined) return new UnexpectedAnswer(`the answer with status ${status} has no code`);
  const retryAfterS = typeof problem.retry_after_s === "number" ? problem.retry_after_s : undefined;
  return new BoardError(status, {
    code,
    detail: textOf(problem.detail) ?? "",
    field: textOf(problem.field),
    expected: textOf(problem.expected),
    retryAfterS,
  });
}
