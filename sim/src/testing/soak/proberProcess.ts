import { Agent, get } from "node:http";
import type { FromProber, ToProber } from "./messages.js";

// Asks a board of a soak how it does, over and over, in a process of its own so that the work of
// the clients does not count.

const PAUSE_MS = 20;
const ANSWER_MS_MAX = 60_000;

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const busyMs: number[] = [];
const failures: string[] = [];
let probes = 0;
let inProgressMax = 0;
let capacity = 0;
let stopping = false;

function probe(port: number): Promise<void> {
  return new Promise((resolve) => {
    const start = performance.now();
    const fail = (message: string) => {
      failures.push(message);
      resolve();
    };
    get({ host: "127.0.0.1", port, path: "/v1/device", agent, timeout: ANSWER_MS_MAX }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", (error) => fail(error.message));
      response.on("end", () => {
        const elapsedMs = performance.now() - start;
        if (response.statusCode !== 200) return fail(`${response.statusCode} ${Buffer.concat(chunks)}`);
        const { queue } = JSON.parse(Buffer.concat(chunks).toString()) as {
          queue: { in_progress: number; capacity: number };
        };
        probes++;
        inProgressMax = Math.max(inProgressMax, queue.in_progress);
        capacity = queue.capacity;
        if (queue.in_progress > 0) busyMs.push(elapsedMs);
        resolve();
      });
    })
      .on("timeout", function (this: { destroy(error: Error): void }) {
        this.destroy(new Error(`no answer within ${ANSWER_MS_MAX} ms`));
      })
      .on("error", (error) => fail(error.message));
  });
}

process.on("message", async (message: ToProber) => {
  if (message.kind === "stop") {
    stopping = true;
    return;
  }
  while (!stopping) {
    await probe(message.port);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  const answer: FromProber = { kind: "probed", busyMs, probes, inProgressMax, capacity, failures };
  process.send?.(answer, () => process.exit(0));
});
process.on("disconnect", () => process.exit(0));
