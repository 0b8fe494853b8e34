import type { BoardEngine } from "../../board/boardOptions.js";
import type { Board } from "../../board/boardSchema.js";

/** To the process that holds the board. */
export type ToBoard =
  | {
      readonly kind: "start";
      readonly board: Board;
      readonly model: string;
      readonly engine: BoardEngine;
      readonly connectionsMax: number;
    }
  | { readonly kind: "memory" };

export type FromBoard =
  | { readonly kind: "started"; readonly port: number; readonly token: string }
  | ({ readonly kind: "memory" } & MemorySample);

/** Of the board's process, after a collection of garbage. */
export interface MemorySample {
  readonly rssBytes: number;
  readonly heapBytes: number;
}

/** To the process that asks for GET /v1/device while others work: where, then when to stop. */
export type ToProber = { readonly kind: "start"; readonly port: number } | { readonly kind: "stop" };

export interface FromProber {
  readonly kind: "probed";
  /** Of probes that found at least one request in progress. */
  readonly busyMs: readonly number[];
  readonly probes: number;
  readonly inProgressMax: number;
  readonly capacity: number;
  /** Probes that were not answered with 200. */
  readonly failures: readonly string[];
}
