import { Worker } from "node:worker_threads";
import { compileLinalg } from "./linalg.js";
import type { WorkerAnswer, WorkerCall, WorkerStart } from "./linalgWorker.js";
import type { MomentSums } from "./moments.js";
import type { LayerWeights, QuantisedLayer } from "./quantiseLayers.js";

/** What Node runs as a worker is compiled, also when this module is a test's source. */
const WORKER = new URL("../../../dist/compress/linalg/linalgWorker.js", import.meta.url);

/** The moments have no Cholesky factor: numbers that are not finite went into them. */
export class MomentsUnusable extends Error {
  override readonly name = "MomentsUnusable";
  readonly pivot: number;

  constructor(pivot: number) {
    super(`second moments have no Cholesky factor (pivot ${pivot})`);
    this.pivot = pivot;
  }
}

/**
 * Second moments of several kinds of rows, and rounding against them, on worker threads. Each moments belong to one
 * worker and get their rows in the order of the calls, so that the number of threads changes no bit.
 */
export class LinalgPool {
  private readonly workers: readonly Calls[];
  private readonly places: readonly { readonly worker: Calls; readonly at: number }[];

  private constructor(workers: readonly Calls[], places: LinalgPool["places"]) {
    this.workers = workers;
    this.places = places;
  }

  /** Moments of rows of `columns[i]` numbers each, on at most `threads` workers. */
  static async open(columns: readonly number[], threads: number): Promise<LinalgPool> {
    const module = await compileLinalg();
    const shares = spread(columns, Math.max(1, Math.min(threads, columns.length)));
    const workers = shares.map((share) => new Calls({ module, columns: share.map((i) => columns[i] as number) }));
    const places: { worker: Calls; at: number }[] = [];
    shares.forEach((share, worker) => {
      share.forEach((index, at) => {
        places[index] = { worker: workers[worker] as Calls, at };
      });
    });
    return new LinalgPool(workers, places);
  }

  /** Adds rows with their weights to moments `index`; the rows are given away. */
  async add(index: number, rows: Float32Array<ArrayBuffer>, weights: Float64Array): Promise<void> {
    await this.call(index, (at) => ({ call: "add", at, rows, weights }), [rows.buffer]);
  }

  async save(index: number): Promise<MomentSums> {
    return (await this.call(index, (at) => ({ call: "save", at }))).sums as MomentSums;
  }

  async restore(index: number, sums: MomentSums): Promise<void> {
    await this.call(index, (at) => ({ call: "restore", at, sums }));
  }

  /** As `quantiseLayers`; rejects with MomentsUnusable. */
  async quantise(index: number, weights: readonly LayerWeights[]): Promise<readonly QuantisedLayer[]> {
    const { layers, pivot } = await this.call(index, (at) => ({ call: "quantise", at, layers: weights }));
    if (layers === undefined) throw new MomentsUnusable(pivot as number);
    return layers;
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()));
  }

  private call(index: number, make: (at: number) => WorkerCall, transfer?: ArrayBuffer[]): Promise<WorkerAnswer> {
    const { worker, at } = this.places[index] as LinalgPool["places"][number];
    return worker.call(make(at), transfer);
  }
}

/** Which moments go to which worker: the largest first, each to the one with the least to do. */
function spread(columns: readonly number[], workers: number): number[][] {
  const shares = Array.from({ length: workers }, () => ({ work: 0, indices: [] as number[] }));
  const order = columns.map((_, i) => i).sort((a, b) => (columns[b] as number) - (columns[a] as number) || a - b);
  for (const index of order) {
    const least = shares.reduce((best, share) => (share.work < best.work ? share : best));
    least.work += (columns[index] as number) ** 2;
    least.indices.push(index);
  }
  return shares.map(({ indices }) => indices.sort((a, b) => a - b));
}

/** A worker that answers its calls in their order. */
class Calls {
  private readonly worker: Worker;
  private readonly waiting: { resolve: (answer: WorkerAnswer) => void; reject: (error: Error) => void }[] = [];
  private failed: Error | undefined;

  constructor(workerData: WorkerStart) {
    this.worker = new Worker(WORKER, { workerData });
    this.worker.on("message", (answer: WorkerAnswer) => this.waiting.shift()?.resolve(answer));
    this.worker.on("error", (error) => this.fail(error instanceof Error ? error : new Error(String(error))));
    this.worker.on("exit", () => this.fail(new Error("the worker has ended")));
  }

  call(call: WorkerCall, transfer: ArrayBuffer[] = []): Promise<WorkerAnswer> {
    return new Promise((resolve, reject) => {
      if (this.failed) return reject(this.failed);
      this.waiting.push({ resolve, reject });
      this.worker.postMessage(call, transfer);
    });
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private fail(error: Error): void {
    this.failed ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(this.failed);
  }
}
