import type { Duplex } from "node:stream";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import type { IncomingMessage, LogLevel, MqttSession, OutgoingMessage } from "../board/deviceCore.js";
import type { BoardNetwork, VirtualBoard } from "../board/virtualBoard.js";
import { reasonOf, secureOptions, type TlsOptions } from "../tls.js";
import { brokerAddress, shownAddress } from "./brokerAddress.js";

/**
 * As include/synapse_device.h asks: the core remembers more commands than this, so none that comes again runs again.
 */
const UNACKNOWLEDGED_MAX = 16;
/** Messages that wait for the broker; more are refused, as a board with little memory does. */
const OUTBOX_MAX = 256;
/** How long the broker keeps the session of a board that is away. */
const SESSION_EXPIRY_S = 86_400;
/**
 * The first wait for another try; each further one is twice as long, and of all a random part is waited, so that a
 * fleet does not come at once.
 */
const RECONNECT_MS = 1_000;
const RECONNECT_MS_MAX = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A broker that does not acknowledge what it was sent, or does not close, is left without a word after so long. */
const GOODBYE_MS_MAX = 1_000;

export interface BrokerLinkOptions {
  /** For boards whose owner has set no broker. */
  readonly fallbackUrl?: string;
  /** Of mqtts:// and wss://. */
  readonly tls?: TlsOptions | undefined;
  /** How connections are made; by default as the address says. */
  readonly open?: (url: string) => Duplex;
  readonly reconnectMs?: number;
  /** Of the waits between tries, from 0 to 1; Math.random unless given. */
  readonly random?: () => number;
  readonly log?: (level: LogLevel, text: string) => void;
}

/**
 * Connects a simulated board to the broker that its settings name, as the firmware does: MQTT 5, or 3.1.1 with brokers
 * that have no other, a session that the broker keeps, and the last will. It follows the settings,
 * the board's power and its link.
 */
export class BrokerLink implements BoardNetwork {
  #board: VirtualBoard;
  #options: BrokerLinkOptions;
  #secure: ReturnType<typeof secureOptions>;
  #client: MqttClient | undefined;
  #session: MqttSession | undefined;
  #protocol: 4 | 5 = 5;
  #outbox = 0;
  #closed = false;
  /** What the board has not got off its hands; it survives connections, but not the board's power. */
  #stores = newStores();
  /** Part of the outbox; these go out when the subscriptions of a connection have been acknowledged. */
  #held: OutgoingMessage[] = [];
  /** By topic, the last retained message of those that the broker has not acknowledged. */
  #retained = new Map<string, string>();
  #unacknowledged = 0;
  /** Counts connections, whose subscriptions are their own. */
  #connection = 0;
  #failures = 0;
  #lastFailure: string | undefined;
  /** Whether the client's last connection has been begun and has not closed yet. */
  #begun = false;
  #retry: NodeJS.Timeout | undefined;

  /** Throws an InputError with code `TLS_INVALID`. */
  constructor(board: VirtualBoard, options: BrokerLinkOptions = {}) {
    this.#secure = secureOptions(options.tls ?? {});
    this.#board = board;
    this.#options = options;
    board.attach(this);
  }

  get connected(): boolean {
    return this.#client?.connected ?? false;
  }

  /** Leaves the broker; the will is not told. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#leave();
  }

  up(): void {
    this.#failures = 0;
    if (this.#client === undefined) this.#connect();
    else this.#reconnect(this.#client);
  }

  async leave(): Promise<void> {
    const client = this.#client;
    if (client?.connected) await client.endAsync(false);
  }

  down(): void {
    // Without a word, so that the broker tells the will.
    const client = this.#forget();
    if (client !== undefined) cut(client);
  }

  #forget(): MqttClient | undefined {
    const client = this.#client;
    this.#client = undefined;
    this.#outbox = 0;
    this.#stores = newStores();
    this.#held = [];
    this.#retained.clear();
    clearTimeout(this.#retry);
    return client;
  }

  lost(): void {
    clearTimeout(this.#retry);
    this.#client?.stream.destroy();
  }

  settingsChanged(): void {
    const session = this.#board.mqttSession();
    if (session === undefined || this.#closed) return;
    const same = this.#session !== undefined && addressOf(session) === addressOf(this.#session);
    if (same) return;
    void this.#leave().then(() => this.#connect());
  }

  publish(message: OutgoingMessage): boolean {
    const client = this.#client;
    if (client === undefined || this.#outbox >= OUTBOX_MAX) return false;
    if (message.qos === 0 && !client.connected) return true;
    if (message.qos === 1 && message.retain) {
      // It goes out again by itself. On a link that breaks before the broker answers, the status of every connection
      // would else take all the room.
      const contents = contentsOf(message);
      if (this.#retained.get(message.topic) === contents) return true;
      this.#retained.set(message.topic, contents);
    }
    this.#outbox++;
    // A board that says that it is there must hear commands: nothing overtakes a subscription.
    if (this.#unacknowledged > 0) this.#held.push(message);
    else this.#send(client, message);
    return true;
  }

  #send(client: MqttClient, message: OutgoingMessage): void {
    const { qos, retain } = message;
    client.publish(
      message.topic,
      Buffer.from(message.payload),
      { qos, retain, ...this.#properties(message) },
      (error) => {
        if (this.#client !== client) return;
        // The package drops what it is given while it sends an old connection's messages again,
        // when the new connection breaks too.
        if (error && qos === 1 && !client.disconnecting) return void this.#held.push(message);
        this.#outbox--;
        if (this.#retained.get(message.topic) === contentsOf(message)) this.#retained.delete(message.topic);
      },
    );
  }

  #properties(message: OutgoingMessage): object {
    if (this.#protocol === 4) return {};
    const properties: Record<string, unknown> = {};
    if (message.contentType !== "") properties.contentType = message.contentType;
    if (message.correlation.length > 0) properties.correlationData = Buffer.from(message.correlation);
    if (message.properties.length > 0) properties.userProperties = Object.fromEntries(message.properties);
    return { properties };
  }

  subscribe(filter: string, on: boolean): void {
    // Retained as published: otherwise a retained command looks like any other to boards that are there when it is
    // sent. Only MQTT 5 can ask for that.
    const client = this.#client;
    if (!on || client === undefined) return void client?.unsubscribe(filter);
    const connection = this.#connection;
    this.#unacknowledged++;
    client.subscribe(filter, { qos: 1, ...(this.#protocol === 5 ? { rap: true } : {}) }, () => {
      if (this.#client !== client || this.#connection !== connection) return;
      this.#unacknowledged--;
      // A broker that refuses a subscription does not keep the board from talking; a connection that broke does.
      if (client.connected && this.#unacknowledged === 0) this.#sendHeld(client);
    });
  }

  #sendHeld(client: MqttClient): void {
    for (const message of this.#held.splice(0)) this.#send(client, message);
  }

  async #leave(): Promise<void> {
    const client = this.#forget();
    this.#board.mqttDisconnected();
    if (client === undefined) return;
    let patience: NodeJS.Timeout | undefined;
    const impatient = new Promise<void>((resolve) => {
      patience = setTimeout(resolve, GOODBYE_MS_MAX);
    });
    await Promise.race([client.endAsync(!client.connected), impatient]);
    clearTimeout(patience);
    cut(client);
  }

  #connect(): void {
    // Several reasons to connect may have come while a broker was left.
    if (this.#client !== undefined) return;
    const session = this.#board.mqttSession();
    this.#session = session;
    const given = session?.brokerUrl || this.#options.fallbackUrl;
    if (session === undefined || !given || this.#closed || !this.#board.link) return;
    let client: MqttClient;
    // Until it was taken apart, it may name a user.
    let shown = "";
    try {
      const { url, username, password } = brokerAddress(given);
      shown = shownAddress(url);
      const known = { ...session, username: session.username || username, password: session.password || password };
      client = this.#open(url, this.#clientOptions(known));
    } catch (error) {
      this.#failed(shown, error as Error);
      return;
    }
    this.#client = client;
    this.#begun = true;
    this.#listen(client, shown);
  }

  #clientOptions(session: MqttSession): IClientOptions {
    const receive = { receiveMaximum: UNACKNOWLEDGED_MAX, sessionExpiryInterval: SESSION_EXPIRY_S };
    return {
      protocolVersion: this.#protocol,
      clientId: session.clientId,
      clean: false,
      keepalive: session.keepaliveS,
      // Not by itself: while the link is down there is nothing to try.
      reconnectPeriod: 0,
      ...this.#stores,
      connectTimeout: CONNECT_TIMEOUT_MS,
      // The core subscribes after each connect.
      resubscribe: false,
      queueQoSZero: false,
      ...(session.username === "" ? {} : { username: session.username }),
      ...(session.password === "" ? {} : { password: session.password }),
      will: { topic: session.willTopic, payload: Buffer.from(session.willPayload), qos: 1, retain: true },
      ...(this.#protocol === 5 ? { properties: receive } : {}),
    };
  }

  #open(url: string, options: IClientOptions): MqttClient {
    const { open } = this.#options;
    if (open === undefined) return mqtt.connect(url, { ...options, ...this.#secure });
    return new mqtt.MqttClient(() => open(url), options);
  }

  #listen(client: MqttClient, shown: string): void {
    const mine = () => this.#client === client;
    client.on("connect", () => {
      if (!mine()) return;
      this.#failures = 0;
      this.#lastFailure = undefined;
      this.#connection++;
      this.#unacknowledged = 0;
      this.#board.mqttConnected(this.#protocol);
    });
    client.on("close", () => {
      if (!mine()) return;
      this.#begun = false;
      this.#board.mqttDisconnected();
      this.#retryLater(client);
    });
    client.on("message", (topic, payload, packet) => {
      if (!mine()) return;
      const { properties } = packet;
      const message: IncomingMessage = {
        topic,
        payload: Uint8Array.from(payload),
        qos: packet.qos === 0 ? 0 : 1,
        retain: packet.retain,
        duplicate: packet.dup,
        packetId: packet.messageId ?? 0,
        contentType: properties?.contentType,
        responseTopic: properties?.responseTopic,
        correlation: properties?.correlationData,
        properties: pairsOf(properties?.userProperties),
      };
      this.#board.mqttReceived(message);
    });
    client.on("error", (error) => {
      if (!mine()) return;
      if (this.#protocol === 5 && isOldBroker(error)) {
        this.#protocol = 4;
        this.#client = undefined;
        client.end(true);
        this.#connect();
        return;
      }
      this.#failed(shown, error);
    });
  }

  /** Once for each way to fail: tries come again and again. */
  #failed(shown: string, error: Error): void {
    const detail = explain(error);
    this.#board.mqttFailed(detail);
    if (detail !== this.#lastFailure)
      this.#log("warn", shown === "" ? `broker: ${detail}` : `broker ${shown}: ${detail}`);
    this.#lastFailure = detail;
  }

  #retryLater(client: MqttClient): void {
    clearTimeout(this.#retry);
    if (!this.#board.link) return;
    const wait = Math.min(
      RECONNECT_MS_MAX,
      (this.#options.reconnectMs ?? RECONNECT_MS) * 2 ** Math.min(this.#failures++, 10),
    );
    const part = 0.5 + (this.#options.random ?? Math.random)() / 2;
    this.#retry = setTimeout(() => this.#reconnect(client), wait * part).unref();
  }

  #reconnect(client: MqttClient): void {
    // Beside a connection that is there, is being made or comes to its end the package would make another, and lose
    // sight of the first.
    if (this.#client !== client || this.#begun) return;
    clearTimeout(this.#retry);
    this.#begun = true;
    client.reconnect(this.#stores);
  }

  #log(level: LogLevel, text: string): void {
    this.#options.log?.(level, text);
  }
}

/** Ends a connection at once; also one whose goodbye is under way, which the package would wait for. */
function cut(client: MqttClient): void {
  client.end(true);
  client.stream.destroy();
}

function newStores() {
  return { outgoingStore: new mqtt.Store({ clean: false }), incomingStore: new mqtt.Store({ clean: false }) };
}

const contentsOf = ({ payload }: OutgoingMessage): string => Buffer.from(payload).toString("base64");

/** A broker of 3.1.1 refuses a client of MQTT 5 by the version, in words that client does not expect. */
function isOldBroker(error: Error): boolean {
  const code = (error as { code?: unknown }).code;
  return code === 1 || code === 132 || /protocol version|Invalid header|Cannot parse|malformed/i.test(error.message);
}

/** Whose certificate is missing, by the code of the error. */
const REMEDIES: Readonly<Record<string, string>> = {
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "a certificate of the board's own (--broker-cert)",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "perhaps a certificate of the board's own (--broker-cert)",
  SELF_SIGNED_CERT_IN_CHAIN: "an authority that is trusted here (--broker-ca)",
  DEPTH_ZERO_SELF_SIGNED_CERT: "an authority that is trusted here (--broker-ca)",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "an authority that is trusted here (--broker-ca)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "an authority that is trusted here (--broker-ca)",
};

function explain(error: Error & { readonly code?: unknown }): string {
  const remedy = REMEDIES[String(error.code)];
  return remedy === undefined ? reasonOf(error) : `${reasonOf(error)}; expected ${remedy}`;
}

function pairsOf(properties: Record<string, string | string[]> | undefined): [string, string][] {
  return Object.entries(properties ?? {}).map(([name, value]) => [
    name,
    Array.isArray(value) ? (value[0] ?? "") : value,
  ]);
}

const addressOf = (session: MqttSession): string =>
  JSON.stringify([session.brokerUrl, session.username, session.password]);
