import { z } from "zod";

const count = z.number().int().nonnegative();
const hertz = z.number().positive().nullable();
const region = z.object({ bytes: count, used_bytes: count, free_bytes: count });
const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** Of GET /v1/device, what a report keeps: nothing that says whose board it is, or where. */
const device = z.object({
  simulated: z.boolean(),
  board: z.object({ id: z.string(), name: z.string(), chip: z.string(), chip_revision: z.string() }),
  firmware: z.object({
    name: z.string(),
    version: z.string(),
    core: z.string(),
    engine: z.string(),
    isa: z.string(),
  }),
  reset: z.object({ reason: z.string(), count }),
  clocks: z.object({ cpu_hz: hertz, psram_hz: hertz, flash_hz: hertz }),
  memory: z.object({ fast: region, slow: region, flash_bytes: count }),
  slots: z.array(
    z.object({
      slot: z.string(),
      state: z.string(),
      active: z.boolean(),
      capacity_bytes: count.optional(),
      detail: z.string().optional(),
      name: z.string().optional(),
      bytes: count.optional(),
      sha256: digest.optional(),
    }),
  ),
});

const op = z.object({
  entry: z.string(),
  index: count,
  op: z.string(),
  name: z.string(),
  runs: z.number().int().positive(),
  ticks: count,
  macs: count,
  weight_bytes: count,
  activation_bytes: count,
});

/** Of POST /v1/selftest. */
const selfTest = z.object({
  passed: z.boolean(),
  vectors: z.array(z.object({ vector: count, passed: z.boolean() })),
  ticks: z.enum(["cycles", "us"]).optional(),
  /** Each kernel by itself. */
  kernels: z.array(z.object({ kernel: z.string(), passed: z.boolean(), ticks: count, macs: count })).default([]),
  ops: z.array(op).default([]),
  model: z.object({ name: z.string(), sha256: digest, untrained: z.boolean() }),
  timing: z.object({ inference_us: count }),
});

/** What a board has answered. */
export const deviceAnswer = device;
export const selfTestAnswer = selfTest;

/** The file of `selftest --report`. */
export const selfTestFile = z.object({
  /** Of this file; one that is read has to have it. */
  schema: z.literal(1),
  kind: z.literal("synapse-selftest"),
  /** ISO 8601. */
  made: z.string(),
  /** Version of this program. */
  host: z.string(),
  over: z.enum(["cable", "network"]),
  device,
  /** Null: the board has no model that runs, and `problem` says what it has answered. */
  selftest: selfTest.nullable(),
  problem: z.string().optional(),
  /** Lines of the board's log on clocks, memory and partitions. */
  log: z.array(z.string()),
});

export type SelfTestFile = z.infer<typeof selfTestFile>;
export type MeasuredOp = z.infer<typeof op>;
export type MeasuredKernel = z.infer<typeof selfTest>["kernels"][number];

/** A kernel by itself, once. */
export interface LaidKernel {
  readonly kernel: string;
  readonly passed: boolean;
  readonly measuredMs: number;
  /** Undefined where ticks are no cycles. */
  readonly cycles: number | undefined;
  readonly macs: number;
  readonly cyclesPerMac: number | undefined;
}

/** An op, or several of one kind, in one run of its entry: measured, and what the estimate says. */
export interface LaidOp {
  readonly entry: string;
  /** An op of the model, or a kind of them: `linear i8`. */
  readonly op: string;
  readonly name: string | undefined;
  readonly count: number;
  readonly measuredMs: number;
  /** Undefined where ticks are no cycles. */
  readonly cycles: number | undefined;
  readonly macs: number;
  readonly weightBytes: number;
  readonly cyclesPerMac: number | undefined;
  /** Of the library as it is built; undefined without the model's file. */
  readonly estimateMs: number | undefined;
  /** Measured by estimated. */
  readonly ratio: number | undefined;
}

/** The answer of `synapse-host selftest`. */
export interface SelfTestReport {
  readonly command: "selftest";
  readonly report: SelfTestFile;
  /** Whether everything that was tried is right. */
  readonly passed: boolean;
  /** The silicon family of the chip: the firmware's library has code for one of them. */
  readonly family: "v1" | "v3";
  readonly kernels: readonly LaidKernel[];
  readonly entries: readonly LaidOp[];
  readonly kinds: readonly LaidOp[];
  readonly ops: readonly LaidOp[];
}
