import { Xorshift32 } from "synapse-engine/testing/random";
import type { BadCase, GoodCase, SoakCases, SoakRequest } from "./cases.js";
import { type Manner, type Outcome, rawExchange, SoakConnection } from "./exchange.js";
import type { Tally } from "./tally.js";

export interface SoakTarget {
  readonly port: number;
  /** The owner's, which is never kept waiting. */
  readonly token: string;
}

/** Busy boards say when to come back; these clients come back sooner, but not at once. */
const IMPATIENCE_MS_MAX = 150;
const BUSY = [429, 503];

/**
 * One of many clients: sends requests of every kind in an order that its seed decides, one after the other,
 * and says what it saw.
 */
export class SoakClient {
  #target: SoakTarget;
  #cases: SoakCases;
  #tally: Tally;
  #random: Xorshift32;
  #connection: SoakConnection;
  #stream: string;

  constructor(target: SoakTarget, cases: SoakCases, tally: Tally, seed: number, index: number) {
    this.#target = target;
    this.#cases = cases;
    this.#tally = tally;
    // Neighbouring seeds of this generator begin alike.
    this.#random = new Xorshift32((Math.imul(seed, 0x9e37_79b1) + Math.imul(index + 1, 0x85eb_ca6b)) >>> 0 || 1);
    for (let i = 0; i < 8; i++) this.#random.next();
    this.#connection = new SoakConnection(target.port);
    this.#stream = `soak-${index}`;
  }

  /** Asks until `more` says no. */
  async run(more: () => boolean): Promise<void> {
    try {
      while (more()) await this.#ask();
    } finally {
      this.#connection.close();
    }
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#random.below(items.length)] as Item;
  }

  async #ask(): Promise<void> {
    const dice = this.#random.below(100);
    if (dice < 50) return this.#good(this.#pick(this.#cases.good), { kind: "whole" });
    if (dice < 58)
      return this.#good(this.#pick(this.#cases.good), {
        kind: "drips",
        pieces: 5,
        pauseMs: 10 + this.#random.below(60),
      });
    if (dice < 78) return this.#bad(this.#pick(this.#cases.bad));
    if (dice < 82) return this.#broken();
    if (dice < 85) return this.#owner();
    if (dice < 93) return this.#leave(this.#pick(this.#cases.good).request(this.#stream), "leave-in-body");
    if (dice < 97) return this.#leave(this.#pick(this.#cases.good).request(this.#stream), "leave-in-answer");
    return this.#leave(this.#cases.long, "leave-in-answer");
  }

  async #good(one: GoodCase, manner: Manner): Promise<void> {
    const outcome = await this.#send(one.name, one.request(this.#stream), manner);
    if (outcome === undefined) return;
    const { status, body } = outcome;
    if (status !== 200)
      return this.#tally.violation("a right request was refused", `${one.name}: ${status} ${body}`.slice(0, 300));
    const answer = parse(body);
    const wrong = answer === undefined ? "no JSON" : one.wrong(answer);
    this.#tally.compared++;
    if (wrong !== undefined) this.#tally.violation("a wrong answer", `${one.name}: ${wrong}`);
  }

  async #bad({ name, request, status, code }: BadCase): Promise<void> {
    const outcome = await this.#send("malformed", request, { kind: "whole" });
    if (outcome === undefined) return;
    const said = parse(outcome.body)?.code;
    if (outcome.status === status && said === code) return;
    this.#tally.violation(
      "a malformed request was answered otherwise",
      `${name}: ${outcome.status} ${said}, expected ${status} ${code}`,
    );
  }

  /** What is no HTTP, and a body that ends before its length. */
  async #broken(): Promise<void> {
    const [name, text, finish, expected] = this.#pick([
      ["no HTTP", "hello\r\n\r\n", false, /^HTTP\/1\.1 400 .*"code":"HEAD_MALFORMED"/s],
      [
        "a long head",
        `GET / HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`,
        false,
        /^HTTP\/1\.1 431 .*"code":"HEAD_TOO_LARGE"/s,
      ],
      // Whoever has said that there is nothing more to come gets no answer, or is told so.
      [
        "half a body",
        `POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{`,
        true,
        /^(HTTP\/1\.1 (400|503) |$)/,
      ],
    ] as const);
    this.#tally.count("malformed");
    try {
      const answer = await rawExchange(this.#target.port, Buffer.from(text), finish);
      this.#tally.count(`malformed ${answer.slice(9, 12) || "closed"}`);
      if (!expected.test(answer))
        this.#tally.violation("a malformed request was answered otherwise", `${name}: ${answer.slice(0, 300)}`);
    } catch (error) {
      this.#tally.violation("no answer", `${name}: ${(error as Error).message}`);
    }
  }

  /** The right token works however many wrong ones others try. */
  async #owner(): Promise<void> {
    const headers = { authorization: `Bearer ${this.#target.token}` };
    const request = { method: "GET", path: "/v1/settings", headers, body: new Uint8Array() };
    const outcome = await this.#send("owner", request, { kind: "whole" });
    if (outcome !== undefined && outcome.status !== 200)
      this.#tally.violation("the owner was refused", `${outcome.status} ${outcome.body}`);
  }

  async #leave(request: SoakRequest, kind: "leave-in-body" | "leave-in-answer"): Promise<void> {
    const manner: Manner = kind === "leave-in-body" ? { kind, afterMs: this.#random.below(40) } : { kind };
    await this.#send("abandoned", request, manner);
  }

  /** Undefined when there is nothing to compare: the client left, or the board is busy and says when to come back. */
  async #send(
    name: string,
    request: SoakRequest,
    manner: Manner,
  ): Promise<Extract<Outcome, { kind: "answered" }> | undefined> {
    this.#tally.count(name);
    if (manner.kind === "drips") this.#tally.count("in drips");
    const outcome = await this.#connection.exchange(request, manner);
    if (outcome.kind === "broken") {
      this.#tally.violation(
        "no answer",
        `${name} ${request.method} ${request.path} (${manner.kind}): ${outcome.message}`,
      );
      return undefined;
    }
    this.#tally.count(`${name} ${outcome.kind === "left" ? "left" : outcome.status}`);
    if (outcome.kind === "left") return undefined;
    if (!BUSY.includes(outcome.status)) return outcome;
    if (!/^[1-9]\d*$/.test(outcome.headers["retry-after"] ?? "")) {
      this.#tally.violation("busy without Retry-After", `${name}: ${outcome.status} ${outcome.body}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10 + this.#random.below(IMPATIENCE_MS_MAX)));
    return undefined;
  }
}

function parse(body: Buffer): Record<string, unknown> | undefined {
  try {
    return JSON.parse(body.toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
