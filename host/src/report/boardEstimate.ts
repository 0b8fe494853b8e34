/**
 * What a model costs on an ESP32-P4, from counted work alone. Nothing here was measured on a board by this project, so
 * every use of a result says "estimate". There are two, and they are kept apart: what the library that is built costs
 * (scalar code: it has no vector kernels for the chip), and what vector kernels at the published speed of others would
 * give (vectorSpeed.ts).
 *
 *     built = instructions of the busiest core * CYCLES_PER_INSTRUCTION / clock + weight bytes / bandwidth
 *
 * Instructions come from a table that is counted under emulation (instructionCosts.ts), and fall to the cores as
 * `parallel_for` hands out parts.
 */
import { INSTRUCTION_COSTS } from "./instructionCosts.js";
import type { OpWork, Piece } from "./kernelWork.js";
import { PSRAM_BYTES_PER_SECOND, vectorCycles, vectorMisfit } from "./vectorSpeed.js";

/**
 * Assumed: the core retires at most one instruction a cycle, so this is the least that is possible, and a board is
 * slower. Loads that wait, taken branches and chains of floats cost more; no published figure says how much for code
 * like this, so no factor is made up.
 */
export const CYCLES_PER_INSTRUCTION = 1;

/** What the estimate needs to know of a board. */
export interface BoardSpeed {
  readonly cpuHz: number;
  readonly cores: number;
  /** Streaming reads, where the weights lie; shared by the cores. */
  readonly weightBytesPerSecond: number;
}

/** One core of silicon before revision 3, at its highest clock. */
export const REFERENCE_BOARD: BoardSpeed = { cpuHz: 360e6, cores: 1, weightBytesPerSecond: PSRAM_BYTES_PER_SECOND };

export interface BoardEstimate {
  readonly label: "estimate";
  /** The library as it is built: at least this, as `cyclesPerInstruction` is the least that is possible. */
  readonly builtLatencyMs: number;
  readonly builtComputeMs: number;
  readonly builtWeightReadMs: number;
  /** Of all cores together. */
  readonly builtInstructions: number;
  /** How many cores' work is done at a time, on average. */
  readonly builtCoresBusy: number;
  readonly cyclesPerInstruction: number;
  /** Vector kernels as others have them, on one core; what f32 and f16 do is timed as the scalar code that it is. */
  readonly vectorLatencyMs: number;
  readonly vectorComputeMs: number;
  readonly vectorWeightReadMs: number;
  /**
   * Smallest and largest relative error of the vector figures' model over the published workloads it was fitted to,
   * e.g. -0.3 and 0.2.
   */
  readonly vectorMisfit: readonly [low: number, high: number];
}

/** The estimate of one entry point. */
export interface BoardTime {
  readonly entry: string;
  readonly estimate: BoardEstimate;
}

/** Estimated latency of `work`, all ops of one run, on `board`. */
export function estimateBoardTime(work: readonly OpWork[], board: BoardSpeed): BoardEstimate {
  const total = { instructions: 0, longest: 0, vectorCycles: 0, weightBytes: 0 };
  for (const op of work) {
    const instructions = instructionsOf(op);
    total.instructions += instructions;
    total.longest += op.pieces.reduce(
      (sum, piece) => sum + pieceInstructions(piece) * longestShare(piece, board.cores),
      0,
    );
    // The vector unit has no floats.
    total.vectorCycles += op.floats ? instructions * CYCLES_PER_INSTRUCTION : vectorCycles(op);
    total.weightBytes += op.weightBytes;
  }
  const toMs = (cycles: number) => (1000 * cycles) / board.cpuHz;
  const weightReadMs = (1000 * total.weightBytes) / board.weightBytesPerSecond;
  const builtComputeMs = toMs(total.longest * CYCLES_PER_INSTRUCTION);
  const vectorComputeMs = toMs(total.vectorCycles);
  return {
    label: "estimate",
    builtLatencyMs: builtComputeMs + weightReadMs,
    builtComputeMs,
    builtWeightReadMs: weightReadMs,
    builtInstructions: total.instructions,
    builtCoresBusy: total.longest > 0 ? total.instructions / total.longest : 1,
    cyclesPerInstruction: CYCLES_PER_INSTRUCTION,
    vectorLatencyMs: vectorComputeMs + weightReadMs,
    vectorComputeMs,
    vectorWeightReadMs: weightReadMs,
    vectorMisfit: vectorMisfit(),
  };
}

/** Instructions of one op on one core. */
export function instructionsOf({ pieces }: OpWork): number {
  return pieces.reduce((sum, piece) => sum + pieceInstructions(piece), 0);
}

function pieceInstructions({ terms }: Piece): number {
  return terms.reduce((sum, [kind, count]) => {
    const cost = INSTRUCTION_COSTS[kind];
    if (cost === undefined)
      throw new RangeError(`no cost of ${kind}: scripts/count-instructions.mjs has to measure it`);
    return sum + count * cost;
  }, 0);
}

/** Of a piece's work, what the core with the most chunks does. */
function longestShare({ chunks }: Piece, cores: number): number {
  return Math.ceil(chunks / cores) / chunks;
}
