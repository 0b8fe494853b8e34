import { BoardError, SynapseClient, UnexpectedAnswer } from "synapse-client";
import { z } from "zod";
import { inputError } from "../files/inputError.js";
import type { ClaimReport } from "../report/claimReport.js";
import { boardFailure, checkedUrl } from "./boardFailure.js";
import { TokenFile } from "./tokens.js";

export interface ClaimBoardRequest {
  readonly url: string;
  /** From the board's serial console; not needed in its first ten minutes. */
  readonly code: string | undefined;
  /** Identity of a board that is this user's already, as `discover` shows it; found by the address unless given. */
  readonly id: string | undefined;
  /** What the board is to be called. */
  readonly name: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/**
 * Makes this user the owner of a board and keeps the token; of a board that is theirs already, finds the token that was
 * kept. Rejects with an InputError: `CLAIM_OWNED`, `BOARD_UNREACHABLE`, or the board's own code.
 */
export async function claimBoard(request: ClaimBoardRequest): Promise<ClaimReport> {
  const { url, code, name, env, signal } = request;
  const tokens = new TokenFile(env);
  try {
    const client = new SynapseClient({ url: checkedUrl(url) });
    if (await hasOwner(client, signal)) return await keptOf(request, tokens);
    await requireStranger(request, tokens, (await client.device({ signal })).id);
    const wanted = { ...(code === undefined ? {} : { code }), ...(name === undefined ? {} : { name }) };
    const answer = checkedAnswer(await client.claim(wanted, { signal }));
    await requireStranger(request, tokens, answer.id);
    await tokens.keep(answer.id, { token: answer.token, name: answer.name, url });
    return {
      id: answer.id.replaceAll(":", ""),
      name: answer.name,
      url,
      token: answer.token,
      tokenFile: tokens.path,
      already: false,
    };
  } catch (error) {
    throw boardFailure(error, url);
  }
}

/** What is kept must be read again: whoever answers there could else spoil the tokens of every other board. */
const ANSWER = z.object({
  id: z.string().regex(/^[0-9a-fA-F:]{6,32}$/),
  token: z.string().regex(/^[\x21-\x7e]{16,256}$/),
  name: z.string().max(256),
});

function checkedAnswer(answer: unknown): z.infer<typeof ANSWER> {
  const { success, data } = ANSWER.safeParse(answer);
  if (success) return data;
  throw new UnexpectedAnswer("what answers there claims in a way that no board does");
}

/**
 * Whoever answers can say that he is another board of this user's, whose token would be lost. Rejects with an
 * InputError `CLAIM_KNOWN`, unless the user has said that it is this board.
 */
async function requireStranger({ url, id }: ClaimBoardRequest, tokens: TokenFile, told: unknown): Promise<void> {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[^0-9a-z]/g, "");
  if (typeof told !== "string" || (id !== undefined && plain(id) === plain(told))) return;
  const known = await tokens.find((key, kept) => key === plain(told) && kept.url !== undefined && kept.url !== url);
  if (known === undefined) return;
  throw inputError(url, "CLAIM_KNOWN", `what answers says that it is ${known.id}, a board of yours at ${known.url}`, {
    expected: `--id ${known.id} where it is that board, without its owner: its old token is replaced`,
  });
}

async function hasOwner(client: SynapseClient, signal: AbortSignal): Promise<boolean> {
  try {
    return (await client.device({ signal })).claimed === true;
  } catch (error) {
    // Who owns a board decides who may ask it what it is.
    if (error instanceof BoardError && error.status === 401) return true;
    throw error;
  }
}

/**
 * The token that was kept of the board at an address. It is not tried there: whoever answers can say that he is this
 * board, and would be told the token.
 */
async function keptOf({ url, id }: ClaimBoardRequest, tokens: TokenFile): Promise<ClaimReport> {
  const named = id ?? /^synapse-([0-9a-f]{6,12})(\.|$)/i.exec(new URL(url).hostname)?.[1];
  const found = await tokens.find((key, kept) =>
    named === undefined ? kept.url === url : key.endsWith(named.toLowerCase().replaceAll(":", "")),
  );
  if (found !== undefined) {
    const { token, name = found.id } = found;
    // Whoever has said which board it is need not say so again.
    if (id !== undefined && found.url !== url) await tokens.keep(found.id, { token, name, url });
    return { id: found.id, name, url, token, tokenFile: tokens.path, already: true };
  }
  const kept = (await tokens.boards()).map(({ id: board, name }) =>
    name === undefined ? board : `${board} (${name})`,
  );
  const known = kept.length === 0 ? "" : `; --id with one of ${kept.join(", ")}, if it is one of yours`;
  throw inputError(url, "CLAIM_OWNED", `the board has an owner, and no token of this address is in ${tokens.path}`, {
    expected: `the owner's token${known}; \`flash --erase\` makes it nobody's`,
  });
}
