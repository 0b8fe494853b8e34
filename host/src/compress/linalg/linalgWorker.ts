import { parentPort, workerData } from "node:worker_threads";
import { NotPositiveDefinite } from "./gptq.js";
import { Linalg, type LinalgModule } from "./linalg.js";
import { MomentGatherer, type MomentSums } from "./moments.js";
import { type LayerWeights, type QuantisedLayer, quantiseLayers } from "./quantiseLayers.js";

/** What a worker is started with: the compiled module, and the number of columns of each moments that it keeps. */
export interface WorkerStart {
  readonly module: LinalgModule;
  readonly columns: readonly number[];
}

/** `at` counts the worker's own moments. */
export type WorkerCall =
  | { readonly call: "add"; readonly at: number; readonly rows: Float32Array; readonly weights: Float64Array }
  | { readonly call: "save"; readonly at: number }
  | { readonly call: "restore"; readonly at: number; readonly sums: MomentSums }
  | { readonly call: "quantise"; readonly at: number; readonly layers: readonly LayerWeights[] };

export interface WorkerAnswer {
  readonly sums?: MomentSums;
  readonly layers?: readonly QuantisedLayer[];
  /** The pivot at which a Cholesky factor ended. */
  readonly pivot?: number;
}

const { module, columns } = workerData as WorkerStart;
const linalg = new Linalg(module);
const gatherers = columns.map((k) => new MomentGatherer(linalg, k));

function answer(call: WorkerCall): WorkerAnswer {
  const gatherer = gatherers[call.at] as MomentGatherer;
  switch (call.call) {
    case "add":
      gatherer.add(call.rows, call.weights);
      return {};
    case "save":
      return { sums: gatherer.save() };
    case "restore":
      gatherer.restore(call.sums);
      return {};
    case "quantise":
      try {
        return { layers: quantiseLayers(linalg, gatherer.result(), call.layers) };
      } catch (error) {
        if (error instanceof NotPositiveDefinite) return { pivot: error.pivot };
        throw error;
      }
  }
}

parentPort?.on("message", (call: WorkerCall) => parentPort?.postMessage(answer(call)));
