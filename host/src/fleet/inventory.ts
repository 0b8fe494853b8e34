import type { MqttClient } from "mqtt";
import { InputError } from "synapse-engine/errors";

/** What of a board's status is known; all but `online` only of a board that has told it. */
export interface FleetBoard {
  /** As in topics: letters and digits of the board's identity. */
  readonly id: string;
  readonly online: boolean;
  /** The board itself has said something since this connection was made; else it is what the broker kept of it. */
  readonly heard?: boolean;
  /** Why it left by itself: `reboot`, `firmware`, `released`. */
  readonly reason?: string;
  readonly name?: string;
  /** Id of the kind of board. */
  readonly board?: string;
  readonly chip?: string;
  readonly firmware?: string;
  readonly simulated?: boolean;
  /** Null: none runs. The digest is that in the pack. */
  readonly model?: { readonly slot: string; readonly name: string; readonly sha256?: string } | null;
  readonly groups?: readonly string[];
  readonly safeMode?: boolean;
  readonly telemetry?: Telemetry;
  readonly update?: BoardUpdate;
  /** When something of it was heard last, in milliseconds since 1970; absent when it never was from here. */
  readonly seenMs?: number;
}

export interface Telemetry {
  readonly uptimeS: number;
  readonly resets: number;
  readonly inferences: number;
  readonly inferenceUsMean?: number;
  readonly rssiDbm?: number;
}

/** The update that a board told of last. */
export interface BoardUpdate {
  readonly state: string;
  readonly kind?: string;
  readonly code?: string;
  readonly detail?: string;
  readonly bytes?: number;
  readonly receivedBytes?: number;
}

/** A broker sends what it keeps at once; when nothing new has come for so long, all is there. */
const QUIET_MS = 700;
/** A broker that has not told everything by then is asked no longer. */
const GATHER_MS_MAX = 10_000;
const TOPICS = ["synapse/+/status", "synapse/+/telemetry", "synapse/+/event/ota"] as const;
const TOPIC = /^synapse\/([a-z0-9]+)\/(status|telemetry|event\/ota)$/;

/** The boards of a broker, as they tell of themselves. */
export class Inventory {
  readonly #boards = new Map<string, FleetBoard>();
  readonly #listeners = new Set<(board: FleetBoard) => void>();
  readonly #client: MqttClient;
  readonly #now: () => number;
  #heardMs = 0;
  #told = 0;

  /** `known` are boards of an earlier time: of those that say nothing, it is all there is. */
  constructor(client: MqttClient, known: readonly FleetBoard[] = [], now: () => number = Date.now) {
    this.#client = client;
    this.#now = now;
    for (const board of known) this.#boards.set(board.id, { ...board, online: false });
  }

  /**
   * Listens, and resolves when the broker has told what it keeps. Throws an InputError `BROKER_LOST` or
   * `BROKER_FORBIDS`.
   */
  async open(signal?: AbortSignal): Promise<void> {
    this.#client.on("message", (topic, payload, packet) => this.#take(topic, payload, packet.retain));
    const started = this.#now();
    this.#heardMs = started;
    await this.#client.subscribeAsync([...TOPICS], { qos: 1 }).catch((error: Error) => {
      this.#requireBroker();
      throw new InputError({
        code: "BROKER_FORBIDS",
        source: "--user",
        message: `the broker does not let this user listen to boards: ${error.message}`,
        expected: `a user who may read ${TOPICS.join(", ")}`,
      });
    });
    while (this.#now() - this.#heardMs < QUIET_MS && this.#now() - started < GATHER_MS_MAX) {
      signal?.throwIfAborted();
      this.#requireBroker();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Boards of a broker that has gone meanwhile are not away: nothing is known of them. */
  #requireBroker(): void {
    if (this.#client.connected) return;
    throw new InputError({
      code: "BROKER_LOST",
      source: "--broker",
      message: "the broker went away before it had told of its boards",
      expected: "the same command again when it is there",
    });
  }

  /** How many messages of boards the broker has brought. */
  get told(): number {
    return this.#told;
  }

  /** In the order of their ids. */
  boards(): FleetBoard[] {
    return [...this.#boards.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  get(id: string): FleetBoard | undefined {
    return this.#boards.get(id);
  }

  /** Calls with each board that has changed, until what it answers is called. */
  listen(listener: (board: FleetBoard) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when the condition holds of the board, at once if it does; rejects with the signal's reason. */
  async until(id: string, condition: (board: FleetBoard) => boolean, signal: AbortSignal): Promise<FleetBoard> {
    signal.throwIfAborted();
    const known = this.#boards.get(id);
    if (known !== undefined && condition(known)) return known;
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        unlisten();
        reject(signal.reason);
      };
      const unlisten = this.listen((board) => {
        if (board.id !== id || !condition(board)) return;
        unlisten();
        signal.removeEventListener("abort", abort);
        resolve(board);
      });
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  #take(topic: string, payload: Uint8Array, retained: boolean): void {
    const place = TOPIC.exec(topic);
    if (place === null) return;
    this.#told++;
    this.#heardMs = this.#now();
    const [, id = "", kind] = place;
    const before = this.#boards.get(id) ?? { id, online: false };
    // Whoever empties a retained status takes the board out of the fleet.
    if (kind === "status" && payload.length === 0) return void this.#boards.delete(id);
    const told = objectOf(payload);
    if (told === undefined) return;
    const seen = retained && told.state !== "online" ? {} : { seenMs: this.#now() };
    const heard = { ...before, ...seen, ...(retained ? {} : { heard: true }) };
    const board =
      kind === "status"
        ? withStatus(heard, told)
        : kind === "telemetry"
          ? { ...heard, telemetry: telemetryOf(told) }
          : { ...heard, update: updateOf(told) };
    this.#boards.set(id, board);
    for (const listener of this.#listeners) listener(board);
  }
}

function objectOf(payload: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined; // Somebody else publishes there.
  }
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

/** Without the keys whose value is undefined. */
function present<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}

function withStatus(board: FleetBoard, told: Record<string, unknown>): FleetBoard {
  const { reason: _before, ...known } = board;
  if (told.state !== "online") return { ...known, online: false, ...present({ reason: text(told.reason) }) };
  const model = told.model as Record<string, unknown> | null | undefined;
  return {
    ...known,
    online: true,
    ...present({
      name: text(told.name),
      board: text(told.board),
      chip: text(told.chip),
      firmware: text(told.firmware),
      simulated: typeof told.simulated === "boolean" ? told.simulated : undefined,
      groups: Array.isArray(told.groups)
        ? told.groups.filter((group): group is string => typeof group === "string")
        : undefined,
    }),
    safeMode: told.safe_mode === true,
    model:
      typeof model === "object" && model !== null
        ? { slot: text(model.slot) ?? "", name: text(model.name) ?? "", ...present({ sha256: text(model.sha256) }) }
        : null,
  };
}

function telemetryOf(told: Record<string, unknown>): Telemetry {
  return {
    uptimeS: number(told.uptime_s) ?? 0,
    resets: number(told.resets) ?? 0,
    inferences: number(told.inferences) ?? 0,
    ...present({ inferenceUsMean: number(told.inference_us_mean), rssiDbm: number(told.rssi_dbm) }),
  };
}

function updateOf(told: Record<string, unknown>): BoardUpdate {
  return {
    state: text(told.state) ?? "",
    ...present({
      kind: text(told.kind),
      code: text(told.code),
      detail: text(told.detail),
      bytes: number(told.bytes),
      receivedBytes: number(told.received_bytes),
    }),
  };
}
