import type { MqttClient } from "mqtt";
import { BoardError, SynapseMqttClient } from "synapse-client";
import { eachInParallel } from "./eachBoard.js";
import type { FleetBoard } from "./inventory.js";

/** What one board made of a command. */
export type BoardAnswer =
  | { readonly id: string; readonly name?: string | undefined; readonly ok: true; readonly answer: unknown }
  | {
      readonly id: string;
      readonly name?: string | undefined;
      readonly ok: false;
      /** The board's code, or `OFFLINE`, `UNREACHABLE`. */
      readonly code: string;
      readonly detail: string;
    };

export interface AskOptions {
  readonly parallel: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** After each board. */
  readonly answered?: (done: number) => void;
}

/**
 * Asks each board that is there, and says of each what came: boards that are away, refuse or do not answer are no
 * reason to leave others out. Answers in the order of the boards.
 */
export async function askBoards(
  client: MqttClient,
  boards: readonly FleetBoard[],
  ask: (board: SynapseMqttClient, options: { readonly signal: AbortSignal }) => Promise<unknown>,
  { parallel, timeoutMs, signal, answered }: AskOptions,
): Promise<BoardAnswer[]> {
  const answers = new Map<string, BoardAnswer>();
  await eachInParallel(boards, parallel, async ({ id, name, online }) => {
    const of = { id, name };
    if (!online) answers.set(id, { ...of, ok: false, code: "OFFLINE", detail: "the board is away" });
    else
      try {
        const board = new SynapseMqttClient({ connection: client, device: id, timeoutMs });
        answers.set(id, { ...of, ok: true, answer: await ask(board, { signal }) });
      } catch (error) {
        signal.throwIfAborted();
        const code = error instanceof BoardError ? error.code : "UNREACHABLE";
        answers.set(id, { ...of, ok: false, code, detail: (error as Error).message });
      }
    answered?.(answers.size);
  });
  return boards.map(({ id }) => answers.get(id) as BoardAnswer);
}
