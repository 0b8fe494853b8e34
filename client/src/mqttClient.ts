import { BoardClient } from "./boardClient.js";
import type { CallOptions } from "./call.js";
import { BoardUnreachable } from "./errors.js";
import { MqttChannel, type MqttConnection, type MqttOptions, Router } from "./mqttChannel.js";

export type { MqttConnection, MqttOptions } from "./mqttChannel.js";

/** What a board publishes by itself. */
export interface BoardMessage {
  /** `status`, `telemetry`, or an event: `boot`, `model`, `surprise`, `ota`. */
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * A board over MQTT, for Node and browsers, with the methods of SynapseClient but those that MQTT is not for: claiming
 * and uploading bytes. The connection is one of the `mqtt` package, 3.1.1 or 5. Commands are sent with QoS 1 and run
 * once; the board runs them when it is back from wherever it was, so a timeout does not say that nothing was done.
 */
export class SynapseMqttClient extends BoardClient {
  readonly #connection: MqttConnection;
  readonly #base: string;

  constructor(options: MqttOptions) {
    const channel = new MqttChannel(options);
    super(channel);
    this.#connection = options.connection;
    this.#base = channel.base;
  }

  /** What the board says by itself, beginning with its last status, until the reader stops or the signal aborts. */
  async *messages(options: CallOptions = {}): AsyncGenerator<BoardMessage> {
    options.signal?.throwIfAborted();
    const arrived: BoardMessage[] = [];
    let refusal: BoardUnreachable | undefined;
    let wake = (): void => undefined;
    const listener = (topic: string, payload: Uint8Array): void => {
      const tail = topic.startsWith(`${this.#base}/`) ? topic.slice(this.#base.length + 1) : "";
      const kind = /^(?:status|telemetry)$|^event\/(.+)$/.exec(tail);
      if (kind === null || payload.length === 0) return;
      try {
        arrived.push({ kind: kind[1] ?? tail, data: JSON.parse(new TextDecoder().decode(payload)) });
      } catch {
        return; // Somebody else publishes there.
      }
      wake();
    };
    const abort = (): void => wake();
    const router = Router.of(this.#connection);
    const known = router.statusAt(`${this.#base}/status`);
    if (known !== undefined) listener(`${this.#base}/status`, known);
    const unlisten = router.listen(listener);
    options.signal?.addEventListener("abort", abort, { once: true });
    try {
      Promise.all(["status", "telemetry", "event/#"].map((topic) => router.subscribe(`${this.#base}/${topic}`))).catch(
        (error) => {
          refusal = new BoardUnreachable("the broker did not take the subscription", { cause: error });
          wake();
        },
      );
      while (true) {
        const next = arrived.shift();
        if (next !== undefined) {
          yield next;
          continue;
        }
        options.signal?.throwIfAborted();
        if (refusal !== undefined) throw refusal;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      unlisten();
      options.signal?.removeEventListener("abort", abort);
    }
  }
}
