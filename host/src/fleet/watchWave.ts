import type { MqttClient } from "mqtt";
import type { SynapseMqttClient } from "synapse-client";
import { askBoards } from "./askBoards.js";
import type { BrokerWatch } from "./brokerWatch.js";
import { healthOf } from "./health.js";
import type { FleetBoard, Inventory } from "./inventory.js";

export interface WatchWaveRequest {
  readonly client: MqttClient;
  readonly broker: BrokerWatch;
  readonly inventory: Inventory;
  /** How long; the time in which the broker is away does not count. */
  readonly milliseconds: number;
  /** Boards that are asked at once. */
  readonly parallel: number;
  readonly signal: AbortSignal;
  /** When the boards have told how often they were reset: from then on it counts. */
  readonly begun: () => void;
}

/** For one answer. */
const ANSWER_MS = 15_000;
/** Between two looks at boards that were not well. */
const LOOK_MS = 500;
/** A board that has lost its link is back within so long. */
const LINK_MS = 30_000;
/** And all of them, when the broker was away. */
const RETURN_MS = 60_000;

/**
 * Watches boards that have been updated, and answers those that are not well at the end, with the reason: away, in
 * safe mode, without a model, restarted meanwhile, or without an answer. Losing the link is normal, so a board that is
 * away then is waited for a while. Rejects with the signal's reason.
 */
export async function watchWave(ids: readonly string[], request: WatchWaveRequest): Promise<Map<string, string>> {
  const { broker, milliseconds, signal } = request;
  const before = await resetsOf(ids, request);
  request.begun();
  let brokerWasAway = false;
  const unlisten = broker.listen(() => {
    brokerWasAway = true;
  });
  try {
    await passed(broker, milliseconds, signal);
    await broker.back(signal);
  } finally {
    unlisten();
  }
  let unwell = await look(ids, before, request);
  const grace = broker.timeout(brokerWasAway ? RETURN_MS : Math.min(milliseconds, LINK_MS));
  try {
    while (!grace.signal.aborted && [...unwell.values()].some((reason) => reason !== RESTARTED)) {
      await passed(broker, LOOK_MS, signal);
      const again = await look([...unwell.keys()], before, request);
      unwell = new Map([...again].map(([id, reason]) => [id, unwell.get(id) === RESTARTED ? RESTARTED : reason]));
    }
  } finally {
    grace.end();
  }
  return new Map([...unwell].map(([id, reason]) => [id, `${reason} ${milliseconds / 1000} s after its update`]));
}

const RESTARTED = "restarted within";

async function look(
  ids: readonly string[],
  before: ReadonlyMap<string, Resets>,
  request: WatchWaveRequest,
): Promise<Map<string, string>> {
  const after = await resetsOf(ids, request);
  const unwell = new Map<string, string>();
  for (const id of ids) {
    const reason = reasonOf(request.inventory.get(id), before.get(id), after.get(id));
    if (reason !== undefined) unwell.set(id, reason);
  }
  return unwell;
}

function reasonOf(board: FleetBoard | undefined, before: Resets, after: Resets): string | undefined {
  const health = board === undefined ? "offline" : healthOf(board);
  if (health !== "good") return health;
  if (typeof after !== "number") return `without an answer (${after ?? "no count of resets"})`;
  return typeof before === "number" && after > before ? RESTARTED : undefined;
}

/** How often a board was reset; or the code of why it does not say. */
type Resets = number | string | undefined;

async function resetsOf(ids: readonly string[], request: WatchWaveRequest): Promise<Map<string, Resets>> {
  const { client, broker, inventory, parallel, signal } = request;
  await broker.back(signal);
  const boards = ids.map((id) => inventory.get(id) ?? { id, online: false });
  const count = async (board: SynapseMqttClient, call: { readonly signal: AbortSignal }) =>
    (await board.device(call)).reset?.count;
  const answers = await askBoards(client, boards, count, { parallel, timeoutMs: ANSWER_MS, signal });
  return new Map(answers.map((answer) => [answer.id, answer.ok ? (answer.answer as Resets) : answer.code]));
}

/** Resolves when the broker has been there for so long. */
async function passed(broker: BrokerWatch, milliseconds: number, signal: AbortSignal): Promise<void> {
  const time = broker.timeout(milliseconds);
  try {
    await aborted(AbortSignal.any([time.signal, signal]));
  } finally {
    time.end();
  }
  signal.throwIfAborted();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
