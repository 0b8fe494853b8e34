/**
 * What vector kernels would take on one core of an ESP32-P4, at the speed of those that others published. This library
 * has none for the chip.
 *
 *     cycles = MACs / macsPerCycle + weights * cyclesPerWeight + activation elements * cyclesPerElement
 *
 * and the streaming of weights from PSRAM. The three constants minimise the squared relative error over
 * REFERENCE_WORKLOADS. What is not in the published workloads is not in the model: exponentials and erf cost extra.
 * Published two-core figures of the newest kernels were not found, and those of older ones do not carry over, so
 * nothing is credited for a second core.
 */

export interface VectorWork {
  readonly macs: number;
  /** Weights that pass through the kernel, each once a run. */
  readonly weights: number;
  readonly activationElements: number;
}

export interface ReferenceWorkload extends VectorWork {
  readonly name: string;
  /** Who published it, and in which release. */
  readonly source: string;
  /**
   * Clock of the core; where the publisher does not state it, ESP-IDF's default for chips before revision 3, and
   * `clockStated` is false.
   */
  readonly cpuHz: number;
  readonly clockStated: boolean;
  readonly silicon: string;
  /** Where the weights lie: those in PSRAM are streamed. */
  readonly weightsIn: "psram" | "sram";
  readonly latencyMs: number;
}

const NOT_STATED = { cpuHz: 360e6, clockStated: false, silicon: "ESP32-P4, revision not stated" } as const;

/**
 * Published int8 speeds on one core. MACs, weights (a byte each) and elements are counted from the networks' published
 * architectures (MobileNetV2, arXiv
 * 1801.04381; MobileFaceNet, arXiv 1804.07573): every layer reads its input and writes its output once. Where a later
 * release is known it is the one that counts: MobileNetV2 took 327.9 ms in imagenet_cls 0.4.0.
 */
export const REFERENCE_WORKLOADS: readonly ReferenceWorkload[] = [
  {
    name: "MobileNetV2 224",
    source: "espressif/imagenet_cls 0.4.2, RUNTIME_MODE_SINGLE_CORE",
    ...NOT_STATED,
    weightsIn: "psram",
    macs: 300_774_272,
    weights: 3_541_984,
    activationElements: 14_159_464,
    latencyMs: 164.6,
  },
  {
    name: "vector by matrix, 1024x256",
    source: "int8 kernels that sum in XACC, weights in SRAM",
    cpuHz: 360e6,
    clockStated: true,
    silicon: "ESP32-P4, revision not stated",
    weightsIn: "sram",
    macs: 262_144,
    weights: 262_144,
    activationElements: 1_280,
    latencyMs: 0.28,
  },
  {
    name: "vector by matrix, 512x384",
    source: "int8 kernels that sum in XACC, weights in SRAM",
    cpuHz: 360e6,
    clockStated: true,
    silicon: "ESP32-P4, revision not stated",
    weightsIn: "sram",
    macs: 196_608,
    weights: 196_608,
    activationElements: 896,
    latencyMs: 0.211,
  },
  {
    name: "MobileFaceNet 112",
    source: "esp-dl, before imagenet_cls 0.4.2",
    ...NOT_STATED,
    weightsIn: "psram",
    macs: 220_965_376,
    weights: 1_013_120,
    activationElements: 7_540_096,
    latencyMs: 93,
  },
  {
    name: "conv 5x5 16->32 stride 2, 22x22",
    source: "esp-dl, before imagenet_cls 0.4.2",
    ...NOT_STATED,
    weightsIn: "psram",
    macs: 1_548_800,
    weights: 12_928,
    activationElements: 11_616,
    latencyMs: 0.666,
  },
  {
    name: "conv 1x1 16->32, 20x20",
    source: "esp-dl, before imagenet_cls 0.4.2",
    ...NOT_STATED,
    weightsIn: "psram",
    macs: 204_800,
    weights: 640,
    activationElements: 19_200,
    latencyMs: 0.289,
  },
];

/** Streaming reads of one core from PSRAM at 200 MHz (published: 150 to 190 MB/s). */
export const PSRAM_BYTES_PER_SECOND = 170e6;
/** Fitted: int8 multiply-accumulates a cycle. The vector unit's peak is 16. */
export const MACS_PER_CYCLE = 11.548;
/** Fitted: cycles to load and prepare a weight, however many rows it is used for. */
export const CYCLES_PER_WEIGHT = 0.2874;
/** Fitted: cycles to read, requantise or write one number of an activation. */
export const CYCLES_PER_ELEMENT = 2.393;

/** Cycles of one core without the streaming of weights. */
export function vectorCycles({ macs, weights, activationElements }: VectorWork): number {
  return macs / MACS_PER_CYCLE + weights * CYCLES_PER_WEIGHT + activationElements * CYCLES_PER_ELEMENT;
}

/** Relative error of the model on each published workload; positive when the model is slower than the board. */
export function referenceMisfits(): readonly {
  readonly name: string;
  readonly source: string;
  readonly relativeError: number;
}[] {
  return REFERENCE_WORKLOADS.map((workload) => {
    const streaming = workload.weightsIn === "psram" ? workload.weights / PSRAM_BYTES_PER_SECOND : 0;
    const predictedMs = 1000 * (vectorCycles(workload) / workload.cpuHz + streaming);
    return { name: workload.name, source: workload.source, relativeError: predictedMs / workload.latencyMs - 1 };
  });
}

/** Smallest and largest relative error over the published workloads. */
export function vectorMisfit(): readonly [low: number, high: number] {
  const errors = referenceMisfits().map(({ relativeError }) => relativeError);
  return [Math.min(...errors), Math.max(...errors)];
}
