/**
 * A rough prediction of what a model costs on an ESP32-P4, from counted work alone. Nothing here was measured on a board by this project:
 * the constants are fitted to speeds that others published, so every use of the result says "estimate" and shows `misfit`.
 *
 *     cycles = MACs / macsPerCycle + weight bytes / (bandwidth / clock) + activation elements * cyclesPerElement
 *
 * `macsPerCycle` and `cyclesPerElement` minimise the squared relative error over REFERENCE_WORKLOADS; the bandwidth is the published
 * streaming speed of PSRAM. The published kernels use the chip's vector unit, so the estimate is that of vector kernels. What is not in
 * the published workloads is not in the model: exponentials and erf cost extra.
 */

/** Work of one op, or of a sum of ops, in one run. */
export interface Work {
  readonly macs: number;
  readonly weightBytes: number;
  /** Numbers read and written, whatever their type. */
  readonly activationElements: number;
  /** Storage type of the weights, where known; f32 and f16 do not use the vector unit. */
  readonly weightType?: string;
}

/** What the estimate needs to know of a board. */
export interface BoardSpeed {
  readonly cpuHz: number;
  readonly cores: number;
  /** Streaming reads of one core, where the weights lie. */
  readonly weightBytesPerSecond: number;
}

export interface BoardEstimate {
  readonly label: "estimate";
  readonly latencyMs: number;
  readonly computeMs: number;
  readonly weightReadMs: number;
  readonly activationMs: number;
  /** Smallest and largest relative error of the model over the published workloads it was fitted to, e.g. -0.3 and 0.4. */
  readonly misfit: readonly [low: number, high: number];
}

export interface ReferenceWorkload extends Work {
  readonly name: string;
  readonly source: string;
  readonly latencyMs: number;
}

/** Clock at which the published figures are taken: the highest of silicon revisions below 3. */
export const REFERENCE_BOARD: BoardSpeed = { cpuHz: 360e6, cores: 1, weightBytesPerSecond: 170e6 };

/**
 * Published int8 speeds on one core of an ESP32-P4. MACs, bytes and elements are counted from the networks' published architectures
 * (MobileNetV2, arXiv 1801.04381; MobileFaceNet, arXiv 1804.07573): every layer reads its input and writes its output once.
 */
export const REFERENCE_WORKLOADS: readonly ReferenceWorkload[] = [
  {
    name: "MobileNetV2 224",
    source: "esp-dl",
    macs: 300_774_272,
    weightBytes: 3_541_984,
    activationElements: 14_159_464,
    latencyMs: 326.6,
  },
  { name: "MobileFaceNet 112", source: "esp-dl", macs: 220_965_376, weightBytes: 1_013_120, activationElements: 7_540_096, latencyMs: 93 },
  {
    name: "conv 5x5 16->32 stride 2, 22x22",
    source: "esp-dl",
    macs: 1_548_800,
    weightBytes: 12_928,
    activationElements: 11_616,
    latencyMs: 0.666,
  },
  { name: "conv 1x1 16->32, 20x20", source: "esp-dl", macs: 204_800, weightBytes: 640, activationElements: 19_200, latencyMs: 0.289 },
];

/** Fitted: int8 multiply-accumulates a cycle and core. The vector unit's peak is 16. */
export const MACS_PER_CYCLE = 12.289;
/** Fitted: cycles to read, requantise or write one number of an activation. */
export const CYCLES_PER_ELEMENT = 3.42;
/** Assumed, not fitted: a scalar float multiply-accumulate with its two loads and its share of the loop. */
export const FLOAT_MACS_PER_CYCLE = 0.25;
/** Published for MobileNetV2 by esp-dl: 326.6 ms on one core, 223.0 ms on two. */
export const TWO_CORE_SPEEDUP = 326.6 / 223.0;

function cyclesOf(work: Work, board: BoardSpeed): readonly [compute: number, weights: number, activations: number] {
  const float = work.weightType === "f32" || work.weightType === "f16";
  return [
    work.macs / (float ? FLOAT_MACS_PER_CYCLE : MACS_PER_CYCLE),
    (work.weightBytes * board.cpuHz) / board.weightBytesPerSecond,
    work.activationElements * CYCLES_PER_ELEMENT,
  ];
}

/** Estimated latency of `profile`, the work of all ops of one run, on `board`. Cores beyond two are not credited. */
export function estimateBoardTime(profile: readonly Work[], board: BoardSpeed): BoardEstimate {
  const speedup = board.cores >= 2 ? TWO_CORE_SPEEDUP : 1;
  const total = { compute: 0, weights: 0, activations: 0 };
  for (const work of profile) {
    const [compute, weights, activations] = cyclesOf(work, board);
    total.compute += compute;
    total.weights += weights;
    total.activations += activations;
  }
  const toMs = (cycles: number) => (cycles / board.cpuHz / speedup) * 1000;
  const [computeMs, weightReadMs, activationMs] = [toMs(total.compute), toMs(total.weights), toMs(total.activations)];
  return {
    label: "estimate",
    latencyMs: computeMs + weightReadMs + activationMs,
    computeMs,
    weightReadMs,
    activationMs,
    misfit: fitMisfit(),
  };
}

/** Relative error of the model on each published workload; positive when the model is slower than the board. */
export function referenceMisfits(): readonly { readonly name: string; readonly source: string; readonly relativeError: number }[] {
  return REFERENCE_WORKLOADS.map((workload) => {
    const cycles = cyclesOf(workload, REFERENCE_BOARD).reduce((sum, part) => sum + part, 0);
    const predictedMs = (cycles / REFERENCE_BOARD.cpuHz) * 1000;
    return { name: workload.name, source: workload.source, relativeError: predictedMs / workload.latencyMs - 1 };
  });
}

function fitMisfit(): readonly [number, number] {
  const errors = referenceMisfits().map(({ relativeError }) => relativeError);
  return [Math.min(...errors), Math.max(...errors)];
}
