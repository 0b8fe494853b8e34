import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { SimulatedBoard } from "../../board/board.js";
import type { BoardEngine } from "../../board/boardOptions.js";
import type { Board } from "../../board/boardSchema.js";
import { type GoodCase, makeCases, type SoakCases } from "./cases.js";
import { SoakClient, type SoakTarget } from "./client.js";
import { SoakConnection } from "./exchange.js";
import { isFlat, type MemoryGrowth, memoryGrowth } from "./memoryBound.js";
import type { FromBoard, FromProber, MemorySample, ToBoard, ToProber } from "./messages.js";
import { Tally } from "./tally.js";

export interface SoakOptions {
  readonly board: Board;
  /** Path of the packed model. */
  readonly model: string;
  readonly engine: BoardEngine;
  readonly clients: number;
  /** Ends when one of the two is reached. */
  readonly seconds: number;
  readonly requestsMax: number;
  readonly seed: number;
  /** Reads a file of samples/. */
  readonly photo: (name: string) => Uint8Array;
  /** Replaces what right answers are: a soak that cannot fail proves nothing. */
  readonly editCase?: (one: GoodCase) => GoodCase;
  readonly onSecond?: (elapsedS: number, requests: number) => void;
}

export interface SoakReport {
  readonly seed: number;
  readonly clients: number;
  readonly engine: BoardEngine;
  readonly seconds: number;
  readonly requests: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Answers of 200 that were compared with those of a quiet board. */
  readonly compared: number;
  readonly queue: { readonly capacity: number; readonly inProgressMax: number; readonly inProgressAfter: number };
  /** Of GET /v1/device while at least one request was in progress; undefined when that was never seen. */
  readonly deviceMs:
    | { readonly probes: number; readonly p50: number; readonly p99: number; readonly max: number }
    | undefined;
  /** Undefined: the soak was too short to tell. */
  readonly memory: MemoryGrowth | undefined;
  readonly violations: readonly { readonly kind: string; readonly count: number; readonly example: string }[];
}

const MEMORY_EVERY_MS = 3_000;
/** Half a minute: what happens before is a process that gets warm. */
const MEMORY_SAMPLES_MIN = 9;
/** How long the board may take to have nothing in progress any more, after its clients have left. */
const DRAIN_MS_MAX = 30_000;
const SPARE_CONNECTIONS = 192;

/**
 * Many clients at once against one board over HTTP on 127.0.0.1: right, slow, malformed and abandoned requests, in an
 * order that the seed decides. Everything that was promised and not kept is among the report's violations.
 */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const cases = await quietCases(options);
  const tally = new Tally();
  const processes = new Processes(tally);
  try {
    const { board, model, engine, clients } = options;
    const child = processes.start("boardProcess");
    const target = await ask<Extract<FromBoard, { kind: "started" }>>(child, {
      kind: "start",
      board,
      model,
      engine,
      connectionsMax: clients + SPARE_CONNECTIONS,
    });
    const prober = processes.start("proberProcess");
    prober.send({ kind: "start", port: target.port } satisfies ToProber);

    const begun = performance.now();
    const memory = await load(options, target, cases, tally, child);
    const seconds = (performance.now() - begun) / 1000;

    const probed = await ask<FromProber>(prober, { kind: "stop" });
    const inProgressAfter = await drained(target.port);
    await lastWord(target, cases, tally);
    return report(options, tally, probed, memory, { seconds, inProgressAfter });
  } finally {
    await processes.close();
  }
}

async function quietCases({ board, model, engine, seed, photo, editCase }: SoakOptions): Promise<SoakCases> {
  const reference = await SimulatedBoard.create({ board, model: readFileSync(model), modelSource: model, engine });
  try {
    const cases = await makeCases(reference, photo, seed);
    return editCase === undefined ? cases : { ...cases, good: cases.good.map(editCase) };
  } finally {
    await reference.close();
  }
}

/** The compiled program of that name; this file lies three levels below `sim`, as source and compiled. */
const programOf = (name: string): URL => new URL(`../../../dist/testing/soak/${name}.js`, import.meta.url);

class Processes {
  #tally: Tally;
  #children: ChildProcess[] = [];
  #closing = false;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  start(name: string): ChildProcess {
    const child = fork(programOf(name), { execArgv: ["--expose-gc"], stdio: ["ignore", "inherit", "inherit", "ipc"] });
    child.on("exit", (code, signal) => {
      if (!this.#closing && code !== 0)
        this.#tally.violation("a process ended", `${name}: ${signal ?? `exit code ${code}`}`);
    });
    this.#children.push(child);
    return child;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, "exit");
        child.kill();
        await ended;
      }),
    );
  }
}

/** Sends and waits for what comes back; rejects when the process ends instead. */
function ask<Answer>(child: ChildProcess, message: ToBoard | ToProber): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error("the process ended before it answered"));
    child.once("exit", ended);
    child.once("message", (answer) => {
      child.off("exit", ended);
      resolve(answer as Answer);
    });
    child.send(message);
  });
}

async function load(
  options: SoakOptions,
  target: SoakTarget,
  cases: SoakCases,
  tally: Tally,
  child: ChildProcess,
): Promise<MemorySample[]> {
  const begun = performance.now();
  let requests = 0;
  const elapsedMs = () => performance.now() - begun;
  const more = () =>
    requests < options.requestsMax &&
    elapsedMs() < options.seconds * 1000 &&
    child.exitCode === null &&
    requests++ >= 0;
  const clients = Array.from(
    { length: options.clients },
    (_, index) => new SoakClient(target, cases, tally, options.seed, index),
  );
  const samples: MemorySample[] = [];
  const sample = async () =>
    void samples.push(await ask<Extract<FromBoard, { kind: "memory" }>>(child, { kind: "memory" }));
  let sampled = Promise.resolve();
  const sampling = setInterval(() => {
    sampled = sampled.then(sample).catch(() => undefined);
  }, MEMORY_EVERY_MS);
  const telling = setInterval(() => options.onSecond?.(elapsedMs() / 1000, requests), 1_000);
  try {
    await Promise.all(clients.map((client) => client.run(more)));
    await sampled;
    return samples;
  } finally {
    clearInterval(sampling);
    clearInterval(telling);
  }
}

/** Requests in progress once there should be none; as soon as there is none. */
async function drained(port: number): Promise<number> {
  const end = performance.now() + DRAIN_MS_MAX;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/device`);
    const { queue } = (await answer.json()) as { queue: { in_progress: number } };
    if (queue.in_progress === 0 || performance.now() > end) return queue.in_progress;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** After all that, and alone with the board, everything is answered rightly. */
async function lastWord(target: SoakTarget, cases: SoakCases, tally: Tally): Promise<void> {
  const connection = new SoakConnection(target.port);
  for (const one of cases.good) {
    const outcome = await connection.exchange(one.request("last-word"), { kind: "whole" });
    const answer =
      outcome.kind === "answered" && outcome.status === 200 ? JSON.parse(outcome.body.toString()) : undefined;
    tally.compared++;
    const wrong = answer === undefined ? JSON.stringify(outcome).slice(0, 200) : one.wrong(answer);
    if (wrong !== undefined) tally.violation("a wrong answer after the load", `${one.name}: ${wrong}`);
  }
  connection.close();
}

function report(
  options: SoakOptions,
  tally: Tally,
  probed: FromProber,
  samples: readonly MemorySample[],
  { seconds, inProgressAfter }: { readonly seconds: number; readonly inProgressAfter: number },
): SoakReport {
  const { capacity, inProgressMax, busyMs, failures } = probed;
  if (inProgressMax > capacity)
    tally.violation("the queue has no bound", `${inProgressMax} requests in progress, capacity ${capacity}`);
  if (inProgressAfter > 0)
    tally.violation("requests were left behind", `${inProgressAfter} in progress after all clients had left`);
  for (const failure of failures) tally.violation("GET /v1/device was not answered", failure);
  const memory = samples.length >= MEMORY_SAMPLES_MIN ? memoryGrowth(samples) : undefined;
  for (const [name, growth] of memory
    ? [["resident memory", memory.rss] as const, ["heap", memory.heap] as const]
    : []) {
    if (!isFlat(growth)) {
      tally.violation(
        "memory grows",
        `${name}: from ${growth.fromBytes} to ${growth.toBytes} bytes, at most ${growth.boundBytes}`,
      );
    }
  }
  const manners = [...tally.counts].filter(([what]) => !/ (\d+|left|closed)$/.test(what) && what !== "in drips");
  return {
    seed: options.seed,
    clients: options.clients,
    engine: options.engine,
    seconds,
    requests: manners.reduce((sum, [, count]) => sum + count, 0),
    counts: Object.fromEntries([...tally.counts].sort(([a], [b]) => (a < b ? -1 : 1))),
    compared: tally.compared,
    queue: { capacity, inProgressMax, inProgressAfter },
    deviceMs:
      busyMs.length === 0
        ? undefined
        : { probes: busyMs.length, p50: quantile(busyMs, 0.5), p99: quantile(busyMs, 0.99), max: quantile(busyMs, 1) },
    memory,
    violations: [...tally.violations].map(([kind, violation]) => ({ kind, ...violation })),
  };
}

function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? Number.NaN;
}
