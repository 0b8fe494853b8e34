import { type Command, InvalidArgumentError, Option } from "commander";
import type { EngineName } from "synapse-sim";

export const ENGINE_NAMES: readonly EngineName[] = ["native", "wasm", "wasm-baseline", "rv32"];

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** Options of commands that run a model. */
export interface EngineOptions extends CommonOptions {
  readonly engine: EngineName;
  readonly threads: number;
}

export function addCommonOptions(command: Command): Command {
  return command
    .option("--json", "print the whole answer as one JSON document on stdout")
    .option("--verbose", "show the stack of an error");
}

export function addEngineOptions(command: Command): Command {
  return command
    .addOption(new Option("--engine <name>", "build of the runtime").choices(ENGINE_NAMES).default("native"))
    .option("--threads <n>", "threads that one run may use", integerOption(1, 64), 1);
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
