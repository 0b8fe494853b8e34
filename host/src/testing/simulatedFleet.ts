import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Duplex } from "node:stream";
import FakeTimers from "@sinonjs/fake-timers";
import mqtt, { type MqttClient } from "mqtt";
import { type MqttConnection, SynapseMqttClient, topicId } from "synapse-client";
import { BrokerLink, type EmbeddedBroker, SimulatedBoard, startBroker } from "synapse-sim";
import { readBoard } from "synapse-sim/boards";
import { seededRandom } from "./seededRandom.js";

const ROOT = new URL("../../../", import.meta.url);
const realImmediate = setImmediate;

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
 * Two ends of a connection; what is written to one arrives at the other, in order and later, unless the connection
 * breaks.
 */
function connection(
  deliver: (action: () => void, after: number) => void,
  latency: () => number,
  lost: () => boolean,
): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const arrival = [0, 0];
  let broken = false;
  const end = (mine: number): Duplex =>
    new Duplex({
      read() {
        // Pushed as it arrives.
      },
      write(bytes: Buffer, _encoding, done) {
        const copy = Buffer.from(bytes);
        const at = Math.max(arrival[mine] as number, Date.now() + latency());
        arrival[mine] = at;
        const gone = lost();
        deliver(() => {
          if (broken) return;
          if (!gone) return void ends[1 - mine]?.push(copy);
          broken = true;
          for (const each of ends) each.destroy();
        }, at - Date.now());
        done();
      },
      final(done) {
        deliver(() => ends[1 - mine]?.push(null), latency());
        done();
      },
      destroy(error, done) {
        deliver(() => ends[1 - mine]?.destroy(), latency());
        done(error);
      },
    });
  ends.push(end(0), end(1));
  for (const each of ends) each.on("error", () => undefined);
  return [ends[0] as Duplex, ends[1] as Duplex];
}

/**
 * Many boards, one broker and one operator in one thread, on a clock of their own: real device cores, the real broker
 * and the real clients, over connections that break. The same seed does the same, to the microsecond.
 */
export async function simulateFleet(options: FleetOptions): Promise<FleetReport> {
  const signed = seededRandom(options.seed);
  const random = (): number => (signed() + 1) / 2;
  const model = readFileSync(new URL("sim/fixtures/lewm-test.syn", ROOT));
  const file = await readBoard(new URL("boards/waveshare-esp32-p4-wifi6.json", ROOT).pathname);
  const { random: mathRandom } = Math;
  // Message ids and the like.
  Math.random = random;
  const timers = FakeTimers.install({
    now: 0,
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "clearImmediate", "Date"],
  });
  const log = createHash("sha256");
  const note = (text: string): void => void log.update(`${Date.now()} ${text}\n`);
  const links: BrokerLink[] = [];
  const boards: SimulatedBoard[] = [];
  let packets = 0;
  let connectionsLost = 0;
  let calm = false;
  let operator: MqttClient | undefined;
  let broker: EmbeddedBroker | undefined;
  const deliver = (action: () => void, after: number): void => void setTimeout(action, after);
  const latency = (): number => 1 + Math.floor(random() * 20);
  const open = (loss: number): Duplex => {
    const [near, far] = connection(deliver, latency, () => {
      packets++;
      const gone = !calm && random() < loss;
      connectionsLost += Number(gone);
      return gone;
    });
    broker?.handle(far);
    return near;
  };
  /** Lets everything happen that is due up to a moment, or until `done`. */
  const run = async (done: () => boolean, untilMs = Number.POSITIVE_INFINITY): Promise<void> => {
    while (!done() && Date.now() < untilMs) {
      // What follows from the last event comes first; only then does time go on.
      await new Promise((resolve) => realImmediate(resolve));
      if (!done()) timers.next();
    }
  };
  const clock = {
    nowUs: () => Date.now() * 1000,
    after: (milliseconds: number, action: () => void) => {
      // Work takes its time here too.
      const timer = setTimeout(action, milliseconds === 0 ? 3 : milliseconds);
      return () => clearTimeout(timer);
    },
  };
  try {
    // On this clock too: on the machine's it would take itself for dead, and tell the wills of boards that are there.
    void startBroker({ port: 0 }).then((started) => {
      broker = started;
    });
    await run(() => broker !== undefined);
    operator = new mqtt.MqttClient(() => open(0), {
      protocolVersion: 4,
      clientId: "operator",
      clean: true,
      keepalive: 0,
    });
    const online = new Set<string>();
    operator.on("message", (topic, payload) => {
      note(`${topic} ${createHash("sha256").update(payload).digest("hex").slice(0, 16)}`);
      if (topic.endsWith("/status") && payload.includes("online")) online.add(topic);
    });
    let subscribed = false;
    operator.subscribe("synapse/+/status", { qos: 1 }, () => {
      subscribed = true;
    });
    await run(() => subscribed);
    for (let index = 0; index < options.boards; index++) {
      boards.push(await SimulatedBoard.create({ board: file, model, deviceId: idOf(index), clock }));
      links.push(
        new BrokerLink(boards[index] as SimulatedBoard, {
          fallbackUrl: "mqtt://broker",
          open: () => open(options.loss),
          random,
        }),
      );
    }
    await run(() => online.size === options.boards);

    const answers = new Map<string, number>();
    const failures: string[] = [];
    let asked = 0;
    let settled = 0;
    const waitFor = (milliseconds: number): Promise<void> =>
      new Promise((resolve) => setTimeout(resolve, milliseconds));
    for (const index of boards.keys()) {
      const device = idOf(index);
      const client = new SynapseMqttClient({
        connection: operator as MqttConnection,
        device,
        tag: "operator",
        timeoutMs: 3_600_000,
        retriesMax: 100,
        sleep: waitFor,
      });
      for (let n = 0; n < options.commandsPerBoard; n++) {
        const name = `${device} ${n}`;
        answers.set(name, 0);
        asked++;
        const act = async (): Promise<unknown> => {
          const latent = Array.from({ length: 32 }, (_, i) => Math.sin(index + n + i));
          if (n % 3 === 0) return (await client.predict([latent], [Array(10).fill(n / 10)])).latent[0];
          if (n % 3 === 1) return (await client.changeSettings({ name: `board ${index} after ${n}` })).name;
          return (await client.selftest()).passed;
        };
        const start = Math.floor(random() * 20_000);
        setTimeout(() => {
          act()
            .then(
              (answer) => {
                answers.set(name, (answers.get(name) ?? 0) + 1);
                note(`${name} answered ${String(answer)}`);
              },
              (error: Error) => failures.push(`${name}: ${error.message}`),
            )
            .finally(() => {
              settled++;
            });
        }, start);
      }
    }
    await run(() => settled === asked);
    const virtualSeconds = Date.now() / 1000;
    // What the boards themselves counted, asked over connections that hold.
    calm = true;
    let ran = 0;
    let duplicates = 0;
    for (const board of boards) {
      const counters = await countersOf(board);
      ran += counters.ran;
      duplicates += counters.duplicates;
    }
    // Its settings were changed once when it was made.
    ran -= options.boards;
    await run(() => links.every((link) => link.connected));
    await run(() => false, Date.now() + 5_000);
    const retained = await retainedStatuses(() => new mqtt.MqttClient(() => open(0), OBSERVER), options.boards, run);
    let statusesWrong = 0;
    for (const [index, board] of boards.entries()) {
      const status = JSON.parse(retained.get(`synapse/${topicId(idOf(index))}/status`) ?? "{}") as {
        state?: string;
        name?: string;
      };
      const { body } = await board.handle({ method: "GET", target: "/v1/device" });
      const { name } = JSON.parse(new TextDecoder().decode(body)) as { name: string };
      statusesWrong += Number(status.state !== "online" || status.name !== name);
    }
    const counts = [0, 0, 0];
    for (const count of answers.values()) counts[Math.min(2, count)] = (counts[Math.min(2, count)] ?? 0) + 1;
    return {
      boards: options.boards,
      commands: asked,
      answers: counts,
      failures,
      ran,
      duplicates,
      statusesWrong,
      packets,
      connectionsLost,
      virtualSeconds,
      digest: log.digest("hex"),
    };
  } finally {
    timers.uninstall();
    Math.random = mathRandom;
    operator?.end(true);
    // Without a word to the broker: on this clock nobody would hear it any more.
    for (const board of boards) await board.close();
    for (const link of links) await link.close();
    await broker?.close();
  }
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
