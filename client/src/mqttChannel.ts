import { toBase64 } from "./base64.js";
import type { Channel } from "./boardClient.js";
import { type Call, type CallOptions, delayOf, limitTime, sleep } from "./call.js";
import { BoardTimeout, BoardUnreachable, errorOf, UnexpectedAnswer } from "./errors.js";
import type { ServerEvent } from "./events.js";

/** What is used of a client of the `mqtt` package, 5.x: its `connect` gives one. */
export interface MqttConnection {
  readonly connected: boolean;
  readonly options: { readonly protocolVersion?: number | undefined };
  on(event: "message", listener: (topic: string, payload: Uint8Array, packet: MqttPacket) => void): unknown;
  publishAsync(topic: string, payload: string | Uint8Array, options: object): Promise<unknown>;
  subscribeAsync(topic: string, options: { readonly qos: 1 }): Promise<unknown>;
}

export interface MqttPacket {
  readonly retain?: boolean;
  readonly properties?: {
    readonly correlationData?: Uint8Array;
    readonly userProperties?: Readonly<Record<string, string | readonly string[]>>;
  };
}

export interface MqttOptions {
  /** Connected by you, and ended by you; many boards may share one. */
  readonly connection: MqttConnection;
  /** The board's identity: `02:00:00:00:00:01`, or as it stands in topics. */
  readonly device: string;
  /** Tells the commands of this connection from those of others; random unless given. */
  readonly tag?: string;
  /** From a command to its answer. Default 30 s. */
  readonly timeoutMs?: number;
  /** How often a command is sent again when the board is busy and says for how long. Default 3. */
  readonly retriesMax?: number;
  /** Instead of a timer: resolves after that time, rejects when the signal aborts. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
}

const TIMEOUT_MS = 30_000;
const RETRIES_MAX = 3;
/**
 * Of a board that is at work and says so every second: it may have lost its link for a while, and tells then what it
 * has done meanwhile; but one that was reset does not go on, and nobody says that it does not.
 */
const SILENT_MS_MAX = 60_000;

/** What answers a command, or one event of several. */
interface Reply {
  readonly event: string | undefined;
  readonly status: number | undefined;
  readonly payload: Uint8Array;
}

/** Answers find their way by the id that the command was sent with; one listener serves all boards of a connection. */
export class Router {
  /** Tells this client's commands from those of others. */
  readonly tag: string;
  readonly #waiting = new Map<string, (reply: Reply) => void>();
  readonly #subscribed = new Map<string, Promise<unknown>>();
  /**
   * The last status of each board that is listened to: a broker sends it once to each subscription,
   * however many listen.
   */
  readonly #statuses = new Map<string, Uint8Array>();
  readonly #listeners = new Set<(topic: string, payload: Uint8Array) => void>();
  readonly #connection: MqttConnection;
  #count = 0;

  static readonly #routers = new WeakMap<MqttConnection, Router>();

  static of(connection: MqttConnection, tag?: string): Router {
    const known = Router.#routers.get(connection);
    if (known !== undefined) return known;
    const router = new Router(connection, tag ?? randomTag());
    Router.#routers.set(connection, router);
    return router;
  }

  private constructor(connection: MqttConnection, tag: string) {
    this.#connection = connection;
    this.tag = tag;
    connection.on("message", (topic, payload, packet) => this.#take(topic, payload, packet));
  }

  /** MQTT 5 has a Response Topic; before, the answer's topic follows from the command's. */
  get modern(): boolean {
    return this.#connection.options.protocolVersion === 5;
  }

  get responseTopic(): string {
    return `synapse/client-${this.tag}/res`;
  }

  subscribe(topic: string): Promise<unknown> {
    const known = this.#subscribed.get(topic);
    if (known !== undefined) return known;
    const subscribed = this.#connection.subscribeAsync(topic, { qos: 1 }).catch((error: unknown) => {
      this.#subscribed.delete(topic);
      throw error;
    });
    this.#subscribed.set(topic, subscribed);
    return subscribed;
  }

  statusAt(topic: string): Uint8Array | undefined {
    return this.#statuses.get(topic);
  }

  /** Tells of every message of the connection, until the answer is called. */
  listen(listener: (topic: string, payload: Uint8Array) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  expect(listener: (reply: Reply) => void): string {
    const id = `${this.tag}-${++this.#count}`;
    this.#waiting.set(id, listener);
    return id;
  }

  forget(id: string): void {
    this.#waiting.delete(id);
  }

  #take(topic: string, payload: Uint8Array, packet: MqttPacket): void {
    if (topic.startsWith("synapse/") && topic.endsWith("/status")) this.#statuses.set(topic, payload);
    for (const listener of this.#listeners) listener(topic, payload);
    const { correlationData, userProperties } = packet.properties ?? {};
    const [id = "", event] =
      topic === this.responseTopic ? [textOf(correlationData)] : (topic.split("/res/")[1]?.split("/") ?? []);
    const property = (name: string): string | undefined => {
      const value = userProperties?.[name];
      return typeof value === "string" ? value : value?.[0];
    };
    const status = property("status");
    this.#waiting.get(id)?.({
      event: property("event") ?? event,
      status: status === undefined ? undefined : Number(status),
      payload,
    });
  }
}

function randomTag(): string {
  return Array.from(globalThis.crypto.getRandomValues(new Uint8Array(8)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

const textOf = (bytes: Uint8Array | undefined): string => (bytes === undefined ? "" : new TextDecoder().decode(bytes));

/** A board's identity as it stands in topics. */
export const topicId = (device: string): string => device.replaceAll(/[^A-Za-z0-9]/g, "").toLowerCase();

/** The command that a call is, and the slot it names. */
function commandOf({ method, path }: Call): { readonly name: string; readonly query: string } {
  const [route = "", query = ""] = path.split("?");
  const slot = /^\/v1\/models\/([^/]+)(\/activate)?$/.exec(route);
  if (slot !== null && method === "POST" && slot[2] !== undefined) return { name: `activate/${slot[1]}`, query };
  if (slot !== null && method === "GET" && slot[2] === undefined) return { name: `slot/${slot[1]}`, query };
  if (route.startsWith("/v1/updates"))
    return { name: method === "DELETE" ? "stop_update" : (route.split("/")[3] ?? "updates"), query };
  if (method === "DELETE" && route === "/v1/requests") return { name: "stop_strangers", query };
  if (method === "DELETE" && route.startsWith("/v1/requests/"))
    return { name: `stop_request/${route.split("/")[3]}`, query };
  return { name: route.slice("/v1/".length), query };
}

/** One board's commands over a connection to its broker: ids, timeouts, and asking again when it is busy. */
export class MqttChannel implements Channel {
  readonly #options: MqttOptions;
  readonly #router: Router;
  readonly #base: string;

  constructor(options: MqttOptions) {
    this.#options = options;
    this.#router = Router.of(options.connection, options.tag);
    this.#base = `synapse/${topicId(options.device)}`;
  }

  get base(): string {
    return this.#base;
  }

  async text(call: Call, options: CallOptions = {}): Promise<string> {
    for await (const { name, text } of this.#exchange(call, options)) if (name === undefined) return text;
    throw new UnexpectedAnswer("the board answered with events where none were asked for");
  }

  async json(call: Call, options: CallOptions = {}): Promise<unknown> {
    return parse(await this.text({ ...call, headers: { accept: "application/json", ...call.headers } }, options));
  }

  async *events(call: Call, options: CallOptions = {}): AsyncGenerator<ServerEvent> {
    for await (const { name, text } of this.#exchange(call, options))
      yield { name: name ?? "result", data: parse(text) };
  }

  sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    return (this.#options.sleep ?? sleep)(milliseconds, signal);
  }

  /**
   * The answer's messages. A board that is busy is asked again, with another id:
   * one that it has seen it would not answer.
   */
  async *#exchange(call: Call, options: CallOptions): AsyncGenerator<{ name: string | undefined; text: string }> {
    const retriesMax = this.#options.retriesMax ?? RETRIES_MAX;
    for (let attempt = 0; ; attempt++) {
      try {
        return yield* this.#once(call, options);
      } catch (error) {
        const delayMs = attempt < retriesMax ? delayOf({ ...call, idempotent: false }, error, attempt) : undefined;
        if (delayMs === undefined) throw error;
        await this.sleep(delayMs, options.signal);
      }
    }
  }

  async *#once(call: Call, options: CallOptions): AsyncGenerator<{ name: string | undefined; text: string }> {
    options.signal?.throwIfAborted();
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS;
    const replies: Reply[] = [];
    let wake = (): void => undefined;
    const id = this.#router.expect((reply) => {
      replies.push(reply);
      wake();
    });
    let limitMs = timeoutMs;
    let expired = false;
    const expire = (): void => {
      expired = true;
      wake();
    };
    let timer = limitTime(limitMs, expire);
    const abort = (): void => wake();
    options.signal?.addEventListener("abort", abort, { once: true });
    let answered = false;
    let over = false;
    let sent = false;
    let refusal: BoardUnreachable | undefined;
    // Not waited for: a connection without a broker keeps what it is given, for however long that takes.
    const send = async (): Promise<void> => {
      await this.#router.subscribe(this.#router.modern ? this.#router.responseTopic : `${this.#base}/res/#`);
      if (over) return;
      sent = true;
      await this.#publish(call, id);
    };
    send().catch((error) => {
      refusal = new BoardUnreachable("the broker did not take the command", { cause: error });
      wake();
    });
    try {
      while (true) {
        const reply = replies.shift();
        if (reply !== undefined) {
          clearTimeout(timer);
          const text = textOf(reply.payload);
          answered = reply.event === undefined || reply.event === "result" || reply.event === "error";
          const failed = failureOf(reply.status, text);
          if (failed !== undefined) throw errorOf(failed, text);
          yield { name: reply.event, text };
          if (answered) return;
          limitMs = Math.max(timeoutMs, SILENT_MS_MAX);
          timer = limitTime(limitMs, expire);
          continue;
        }
        options.signal?.throwIfAborted();
        if (refusal !== undefined) throw refusal;
        if (expired) throw new BoardTimeout(`${call.method} ${call.path} was not answered within ${limitMs} ms`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      over = true;
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
      this.#router.forget(id);
      if (sent && !answered) this.#cancel(id);
    }
  }

  async #publish(call: Call, id: string): Promise<void> {
    const { name, query } = commandOf(call);
    const modern = this.#router.modern;
    const accept = call.headers?.accept ?? "*/*";
    const { contentType, payload } = bodyOf(call, name, modern);
    // Without properties, what the answer shall be stands in the topic.
    const parameters = [query, modern ? "" : `accept=${accept}`].filter((part) => part !== "").join("&");
    const topic = `${this.#base}/cmd/${name}/${id}${parameters === "" ? "" : `?${parameters}`}`;
    const properties = {
      responseTopic: this.#router.responseTopic,
      correlationData: bytesOf(id),
      ...(contentType === undefined ? {} : { contentType }),
      userProperties: { accept },
    };
    await this.#options.connection.publishAsync(topic, payload, { qos: 1, ...(modern ? { properties } : {}) });
  }

  /** Nobody waits any more: inference ends on the board. */
  #cancel(id: string): void {
    const properties = { responseTopic: this.#router.responseTopic, correlationData: bytesOf(id) };
    const options = { qos: 1, ...(this.#router.modern ? { properties } : {}) };
    this.#options.connection.publishAsync(`${this.#base}/cmd/cancel/${id}`, "", options).catch(() => undefined);
  }
}

/**
 * What a command carries. Its type is told, or shows: raw pixels, which do not, go as JSON where no type can be told.
 */
function bodyOf(
  { body, headers, method }: Call,
  name: string,
  modern: boolean,
): { contentType?: string | undefined; payload: string | Uint8Array } {
  const contentType = headers?.["content-type"];
  if (body === undefined)
    return {
      payload: name === "settings" && method === "GET" ? "" : "{}",
      contentType: modern ? "application/json" : undefined,
    };
  if (!modern && contentType === "application/octet-stream" && typeof body !== "string") {
    return { payload: JSON.stringify({ image: toBase64(body), type: contentType }) };
  }
  return { contentType, payload: typeof body === "string" ? body : asBuffer(body) };
}

/** Bytes as the `mqtt` package takes them: a Buffer where there is one. */
function asBuffer(bytes: Uint8Array): Uint8Array {
  const { Buffer: NodeBuffer } = globalThis as { Buffer?: { from(bytes: Uint8Array): Uint8Array } };
  return NodeBuffer === undefined ? bytes : NodeBuffer.from(bytes);
}

const bytesOf = (text: string): Uint8Array => asBuffer(new TextEncoder().encode(text));

/**
 * The status of an answer that is an error. MQTT 3.1.1 has no place for it beside the answer, where only errors have a
 * code and a status.
 */
function failureOf(status: number | undefined, text: string): number | undefined {
  if (status !== undefined) return status >= 400 ? status : undefined;
  if (!text.startsWith('{"title":')) return undefined;
  const problem = parse(text) as { status?: unknown; code?: unknown };
  return typeof problem.status === "number" && typeof problem.code === "string" && problem.status >= 400
    ? problem.status
    : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnexpectedAnswer(`the answer is not JSON: ${text.slice(0, 80)}`);
  }
}
