import { setMaxListeners } from "node:events";
import type { MqttClient } from "mqtt";
import { BoardError, BoardTimeout, BoardUnreachable, SynapseMqttClient } from "synapse-client";
import { InputError } from "synapse-engine/errors";
import { eachInParallel } from "./eachBoard.js";
import type { FleetBoard } from "./inventory.js";

/** What one board made of a command. */
export type BoardAnswer =
  | { readonly id: string; readonly name?: string | undefined; readonly ok: true; readonly answer: unknown }
  | {
      readonly id: string;
      readonly name?: string | undefined;
      readonly ok: false;
      /** The board's code, or `OFFLINE`, `BROKER_LOST`, `BROKER_FORBIDS`, `TIMEOUT`, `UNREACHABLE`. */
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
  setMaxListeners(0, signal);
  const answers = new Map<string, BoardAnswer>();
  await eachInParallel(boards, parallel, async ({ id, name, online }) => {
    const of = { id, name };
    const failed = (code: string, detail: string) => answers.set(id, { ...of, ok: false, code, detail });
    if (!online) failed("OFFLINE", "the board is away");
    // What is sent now would wait for the broker, and run when nobody expects it any more.
    else if (!client.connected) failed("BROKER_LOST", "the broker went away before this board was asked");
    else
      try {
        const board = new SynapseMqttClient({ connection: client, device: id, timeoutMs });
        answers.set(id, { ...of, ok: true, answer: await ask(board, { signal }) });
      } catch (error) {
        signal.throwIfAborted();
        failed(codeOf(error, client), (error as Error).message);
      }
    answered?.(answers.size);
  });
  return boards.map(({ id }) => answers.get(id) as BoardAnswer);
}

/** PUBACK of MQTT 5: the broker's access list forbids it. */
const NOT_AUTHORIZED = 135;

/** Whether a broker's access list forbids a command; brokers tell it by MQTT 5 alone. */
export function isForbidden(error: unknown): boolean {
  return error instanceof BoardUnreachable && (error.cause as { code?: unknown } | undefined)?.code === NOT_AUTHORIZED;
}

function codeOf(error: unknown, { connected }: Pick<MqttClient, "connected">): string {
  if (error instanceof BoardError) return error.code;
  if (error instanceof InputError) return error.code;
  if (isForbidden(error)) return "BROKER_FORBIDS";
  if (error instanceof BoardTimeout) return connected ? "TIMEOUT" : "BROKER_LOST";
  return "UNREACHABLE";
}
