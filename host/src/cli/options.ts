import { type Command, InvalidArgumentError, Option } from "commander";
import type { EngineName } from "synapse-engine";
import { attentionComputes } from "../format/ops.js";
import { activationChoices } from "../lower/activations.js";
import type { SimilarityBars } from "../report/compareReport.js";

export const ENGINE_NAMES: readonly EngineName[] = ["native", "wasm", "wasm-baseline", "rv32"];

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** Options of commands that run a model. */
export interface EngineOptions extends CommonOptions {
  readonly engine?: EngineName;
  readonly threads: number;
}

export function addCommonOptions(command: Command): Command {
  return command
    .option("--json", "print the whole answer as one JSON document on stdout")
    .option("--verbose", "show the stack of an error");
}

export function addEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--engine <name>", "build of the runtime (default: native, or wasm where there is no addon)").choices(
        ENGINE_NAMES,
      ),
    )
    .option("--threads <n>", "threads that one run may use", integerOption(1, 64), 1);
}

/** Options of commands that compare outputs. */
export interface BarOptions {
  readonly minCentred?: number;
  readonly minCosine?: number;
  readonly maxRelativeError?: number;
}

export function addBarOptions(command: Command): Command {
  return command
    .option("--min-centred <x>", "leave with exit code 1 when a worst centred cosine is below", numberOption(-1, 1))
    .option("--min-cosine <x>", "the same bar by its older name: of the centred cosine", numberOption(-1, 1))
    .option(
      "--max-relative-error <x>",
      "leave with exit code 1 when a worst relative error is above",
      numberOption(0, 1e9),
    );
}

/** The bars that were asked for; of the two names of one bar the higher counts. */
export function barsOf({ minCentred, minCosine, maxRelativeError }: BarOptions): SimilarityBars {
  const centred = [minCentred, minCosine].filter((bar) => bar !== undefined);
  return {
    ...(centred.length === 0 ? {} : { minCentredCosine: Math.max(...centred) }),
    ...(maxRelativeError === undefined ? {} : { maxRelativeError }),
  };
}

/** A parser of words that stand in the answer for people: blank ones would say nothing there. */
export function reasonOption(text: string): string {
  const reason = text.trim();
  if (reason === "") throw new InvalidArgumentError("Expected the reason, in words.");
  return reason;
}

/** A parser of whole numbers from `min` to `max` for commander. */
export function integerOption(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** A parser of numbers from `min` to `max` for commander. */
export function numberOption(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Expected a number from ${min} to ${max}.`);
    return value;
  };
}

/** Gathers an option that may be given several times. */
export function collect(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, text];
}

/** `--attention` of commands that pack. */
export function attentionOption(): Option {
  return new Option(
    "--attention <how>",
    "how attention multiplies and sums: in f32, in int8 with 127 levels of probability, or in int8 with 255 levels " +
      "whose rounding errors are passed on (default: i8 where the weights are integers, else f32)",
  ).choices(attentionComputes);
}

/** `--activations` of commands that pack. */
export function activationsOption(): Option {
  return new Option(
    "--activations <how>",
    "inputs of integer layers: all rows in 8 bits (int8), or those that most depends on, such as the class token's, " +
      "in 14 (mixed; default: int8)",
  ).choices(activationChoices);
}
