import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import mqtt, { type MqttClient } from "mqtt";
import { type MqttConnection, SynapseMqttClient, topicId } from "synapse-client";
import { BrokerLink, SimulatedBoard, startBroker } from "synapse-sim";
import { type Board, readBoard } from "synapse-sim/boards";
import { SimulatedNetwork } from "./simulatedNetwork.js";

const ROOT = new URL("../../../", import.meta.url);

export interface FleetOptions {
  readonly boards: number;
  readonly commandsPerBoard: number;
  /** Of everything that is left to chance. */
  readonly seed: number;
  /** The part of all packets between boards and broker that are lost, and the connection with them. */
  readonly loss: number;
}

export interface FleetReport {
  readonly boards: number;
  readonly commands: number;
  /** By how often they were answered: index 1 is what should be. */
  readonly answers: readonly number[];
  readonly failures: readonly string[];
  /** How often boards ran commands: as often as they were asked. */
  readonly ran: number;
  /** Commands that the broker sent again and the boards did not run again. */
  readonly duplicates: number;
  /** Boards whose retained status at the end is not what they are. */
  readonly statusesWrong: number;
  readonly packets: number;
  readonly connectionsLost: number;
  readonly virtualSeconds: number;
  /** Of everything that happened, with its time. */
  readonly digest: string;
}

/**
 * Many boards, one broker and one operator in one thread, on a clock of their own: real device cores, the real broker
 * and the real clients, over connections that break. The same seed does the same, to the microsecond.
 */
export async function simulateFleet(options: FleetOptions): Promise<FleetReport> {
  const model = readFileSync(new URL("sim/fixtures/lewm-test.syn", ROOT));
  const file = await readBoard(new URL("boards/waveshare-esp32-p4-wifi6.json", ROOT).pathname);
  const fleet = new SimulatedFleet(options, new SimulatedNetwork(options.seed));
  try {
    await fleet.start(file, model);
    await fleet.ask();
    return await fleet.report();
  } finally {
    await fleet.close();
  }
}

class SimulatedFleet {
  readonly #options: FleetOptions;
  readonly #network: SimulatedNetwork;
  readonly #boards: SimulatedBoard[] = [];
  readonly #links: BrokerLink[] = [];
  readonly #log = createHash("sha256");
  readonly #answers = new Map<string, number>();
  readonly #failures: string[] = [];
  #operator: MqttClient | undefined;
  #settled = 0;

  constructor(options: FleetOptions, network: SimulatedNetwork) {
    this.#options = options;
    this.#network = network;
  }

  /** Resolves when every board has told the broker that it is there. */
  async start(file: Board, model: Uint8Array): Promise<void> {
    const network = this.#network;
    // On this clock too: on the machine's it would take itself for dead, and tell the wills of boards that are there.
    void startBroker({ port: 0 }).then((started) => {
      network.broker = started;
    });
    await network.run(() => network.broker !== undefined);
    const online = await this.#connectOperator();
    const { boards, loss } = this.#options;
    for (let index = 0; index < boards; index++) {
      const board = await SimulatedBoard.create({ board: file, model, deviceId: idOf(index), clock: BOARD_CLOCK });
      const open = (): Duplex => network.open(loss);
      this.#boards.push(board);
      this.#links.push(new BrokerLink(board, { fallbackUrl: "mqtt://broker", open, random: network.random }));
    }
    await network.run(() => online.size === boards);
  }

  /** The topics of boards that have said that they are there, as they say it. */
  async #connectOperator(): Promise<ReadonlySet<string>> {
    const online = new Set<string>();
    this.#operator = new mqtt.MqttClient(() => this.#network.open(0), {
      protocolVersion: 4,
      clientId: "operator",
      clean: true,
      keepalive: 0,
    });
    this.#operator.on("message", (topic, payload) => {
      this.#note(`${topic} ${createHash("sha256").update(payload).digest("hex").slice(0, 16)}`);
      if (topic.endsWith("/status") && payload.includes("online")) online.add(topic);
    });
    let subscribed = false;
    this.#operator.subscribe("synapse/+/status", { qos: 1 }, () => {
      subscribed = true;
    });
    await this.#network.run(() => subscribed);
    return online;
  }

  /** Sends every board its commands, each at a moment of its own, and resolves when all have come to an end. */
  async ask(): Promise<void> {
    for (const index of this.#boards.keys()) {
      const client = new SynapseMqttClient({
        connection: this.#operator as MqttConnection,
        device: idOf(index),
        tag: "operator",
        timeoutMs: 3_600_000,
        retriesMax: 100,
        sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
      });
      for (let n = 0; n < this.#options.commandsPerBoard; n++) this.#schedule(client, index, n);
    }
    await this.#network.run(() => this.#settled === this.#answers.size);
  }

  #schedule(client: SynapseMqttClient, index: number, n: number): void {
    const name = `${idOf(index)} ${n}`;
    this.#answers.set(name, 0);
    const start = Math.floor(this.#network.random() * 20_000);
    setTimeout(() => {
      commandOf(client, index, n)
        .then(
          (answer) => {
            this.#answers.set(name, (this.#answers.get(name) ?? 0) + 1);
            this.#note(`${name} answered ${String(answer)}`);
          },
          (error: Error) => this.#failures.push(`${name}: ${error.message}`),
        )
        .finally(() => {
          this.#settled++;
        });
    }, start);
  }

  async report(): Promise<FleetReport> {
    const virtualSeconds = Date.now() / 1000;
    const counted = await this.#countedByBoards();
    const statusesWrong = await this.#statusesWrong();
    const answers = [0, 0, 0];
    for (const count of this.#answers.values()) answers[Math.min(2, count)] = (answers[Math.min(2, count)] ?? 0) + 1;
    const { packets, connectionsLost } = this.#network;
    return {
      boards: this.#options.boards,
      commands: this.#answers.size,
      answers,
      failures: this.#failures,
      ...counted,
      statusesWrong,
      packets,
      connectionsLost,
      virtualSeconds,
      digest: this.#log.digest("hex"),
    };
  }

  /** What the boards themselves counted, asked over connections that hold. */
  async #countedByBoards(): Promise<{ readonly ran: number; readonly duplicates: number }> {
    this.#network.calm = true;
    // The settings of each were changed once when it was made.
    let ran = -this.#boards.length;
    let duplicates = 0;
    for (const board of this.#boards) {
      const counters = await countersOf(board);
      ran += counters.ran;
      duplicates += counters.duplicates;
    }
    return { ran, duplicates };
  }

  /** Boards whose retained status is not what they are, once all are connected again. */
  async #statusesWrong(): Promise<number> {
    const network = this.#network;
    await network.run(() => this.#links.every((link) => link.connected));
    await network.run(() => false, Date.now() + 5_000);
    const observe = (): MqttClient => new mqtt.MqttClient(() => network.open(0), OBSERVER);
    const retained = await retainedStatuses(observe, this.#options.boards, (...until) => network.run(...until));
    let wrong = 0;
    for (const [index, board] of this.#boards.entries()) {
      const status = JSON.parse(retained.get(`synapse/${topicId(idOf(index))}/status`) ?? "{}") as {
        state?: string;
        name?: string;
      };
      const { body } = await board.handle({ method: "GET", target: "/v1/device" });
      const { name } = JSON.parse(new TextDecoder().decode(body)) as { name: string };
      wrong += Number(status.state !== "online" || status.name !== name);
    }
    return wrong;
  }

  async close(): Promise<void> {
    this.#network.end();
    this.#operator?.end(true);
    // Without a word to the broker: on its clock nobody would hear it any more.
    for (const board of this.#boards) await board.close();
    for (const link of this.#links) await link.close();
    await this.#network.broker?.close();
  }

  #note(text: string): void {
    this.#log.update(`${Date.now()} ${text}\n`);
  }
}

/** Of the network: work takes its time there too. */
const BOARD_CLOCK = {
  nowUs: () => Date.now() * 1000,
  after: (milliseconds: number, action: () => void) => {
    const timer = setTimeout(action, milliseconds === 0 ? 3 : milliseconds);
    return () => clearTimeout(timer);
  },
};

/** The command number `n` of a board, and the part of its answer that is noted. */
async function commandOf(client: SynapseMqttClient, index: number, n: number): Promise<unknown> {
  const latent = Array.from({ length: 32 }, (_, i) => Math.sin(index + n + i));
  if (n % 3 === 0) return (await client.predict([latent], [Array(10).fill(n / 10)])).latent[0];
  if (n % 3 === 1) return (await client.changeSettings({ name: `board ${index} after ${n}` })).name;
  return (await client.selftest()).passed;
}

const OBSERVER = { protocolVersion: 4, clientId: "observer", clean: true, keepalive: 0, reconnectPeriod: 0 } as const;

/** What a client that comes now is told of every board. */
async function retainedStatuses(
  connect: () => MqttClient,
  count: number,
  run: (done: () => boolean, untilMs?: number) => Promise<void>,
): Promise<Map<string, string>> {
  const statuses = new Map<string, string>();
  const observer = connect();
  observer.on("message", (topic, payload, packet) => {
    if (packet.retain) statuses.set(topic, payload.toString());
  });
  observer.subscribe("synapse/+/status", { qos: 1 });
  await run(() => statuses.size === count, Date.now() + 60_000);
  observer.end(true);
  return statuses;
}

const idOf = (index: number): string => {
  const bytes = [index >> 8, index & 255].map((byte) => byte.toString(16).padStart(2, "0"));
  return `02:00:00:00:${bytes.join(":")}`;
};

/** From the board's own metrics: requests of the commands' routes, and commands that came twice. */
async function countersOf(board: SimulatedBoard): Promise<{ ran: number; duplicates: number }> {
  const { body } = await board.handle({ method: "GET", target: "/v1/metrics" });
  const text = new TextDecoder().decode(body);
  let ran = 0;
  for (const [, count] of text.matchAll(
    /^synapse_requests_total\{[^}]*route="\/v1\/(?:predict|selftest)",status="200"\} (\d+)$/gm,
  ))
    ran += Number(count);
  for (const [, count] of text.matchAll(
    /^synapse_requests_total\{method="PUT",route="\/v1\/settings",status="200"\} (\d+)$/gm,
  ))
    ran += Number(count);
  const duplicates = Number(/^synapse_mqtt_messages_total\{kind="duplicates"\} (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
  return { ran, duplicates };
}
