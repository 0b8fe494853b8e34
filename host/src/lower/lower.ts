import { InputError } from "synapse-engine/errors";
import { type SlimStorage, UNSLIMMED } from "../compress/plain.js";
import { type TypePolicy, unusedRules } from "../compress/policy.js";
import { configError } from "../config/configError.js";
import { type ConfigReads, unusedKey } from "../config/configReads.js";
import type { EntryConfig, ModelConfig, PartConfig, Statistics } from "../config/configSchema.js";
import { limits } from "../format/limits.js";
import type { AttentionCompute } from "../format/ops.js";
import type { Activation, Entry, Port, Program } from "../program/program.js";
import type { Activations } from "./activations.js";
import { EntryBuilder, type LoweringContext } from "./builder.js";
import type { Lowering } from "./lowering.js";
import { lowerMlp } from "./lowerMlp.js";
import { lowerTransformer } from "./lowerTransformer.js";
import { type WeightFile, WeightSource } from "./weightSource.js";

/** What programs and boards run over `encode` and `predict` by this name is no entry of a model. */
export const ROLLOUT = "rollout";

export interface LowerOptions {
  readonly config: ModelConfig;
  /** Of `config`, so that a part or an entry with a key that has no effect is refused. */
  readonly reads?: ConfigReads<ModelConfig>;
  /** The config's file name, for messages. */
  readonly configSource: string;
  readonly checkpoint: WeightFile;
  readonly policy: TypePolicy;
  /** What the policy came from, for messages. */
  readonly policySource?: string;
  /** How vectors, tables and scales are stored; f32 where absent. */
  readonly slim?: Partial<SlimStorage>;
  /** Statistics that replace those of the config, by name. */
  readonly statistics?: Readonly<Record<string, Statistics>>;
  /** How attention computes; by default in int8 where its projections are of an integer type. */
  readonly attentionCompute?: AttentionCompute | undefined;
  /** How integer layers quantise their inputs; by default `int8`. */
  readonly activations?: Activations | undefined;
  /** By default `reference` when every linear layer is f32, else `exact`. */
  readonly numeric?: "exact" | "reference";
  /** False leaves the nearest names out of errors, which takes long where many checkpoints are tried. */
  readonly suggestNames?: boolean;
}

export interface Lowered {
  readonly program: Program;
  /** The statistics in use; null where none were given. */
  readonly statistics: Readonly<Record<string, Statistics | null>>;
}

/**
 * Turns a config and the names and shapes of a checkpoint into a program. Reads no weights. Throws InputErrors of codes
 * `CONFIG_*`, `WEIGHT_*`, `TYPE_*`.
 */
export function lower(options: LowerOptions): Lowered {
  const { config, configSource, checkpoint, policy, policySource = "--type" } = options;
  const weights = new WeightSource(checkpoint, configSource, options.suggestNames);
  const statistics = mergeStatistics(options);
  const context: LoweringContext = {
    policy,
    slim: { ...UNSLIMMED, ...options.slim },
    attentionCompute: options.attentionCompute,
    activations: options.activations ?? "int8",
    weights: new Map(),
    vectors: new Map(),
  };
  const entryCount = Object.keys(config.entries).length;
  if (entryCount === 0 || entryCount > limits.entries_max)
    throw configError(
      { configSource },
      "CONFIG_ENTRIES",
      "entries",
      `has ${entryCount} entries`,
      `1 to ${limits.entries_max}`,
    );
  const standardized = new Set<string>();
  const entries = Object.entries(config.entries).map(([name, entry]) => {
    if (name === ROLLOUT)
      throw configError(
        { configSource },
        "CONFIG_NAME",
        `entries.${name}`,
        "has the name of what encodes once and predicts step by step",
        "another name",
      );
    const builder = new EntryBuilder(context);
    const lowering: Lowering = {
      builder,
      weights,
      configSource,
      checkpointSource: checkpoint.path,
      statistics,
      standardized,
    };
    return lowerEntry(lowering, config, name, entry);
  });
  options.reads?.requireAllRead(["entries", "parts"]);
  for (const name of statistics.keys()) {
    if (!standardized.has(name))
      throw unusedKey({ configSource }, `statistics.${name}`, 'is named by no "standardize" layer');
  }
  weights.checkAllUsed(config.ignore);
  checkRules(policy, policySource, context);
  const linears = [...context.weights.values()];
  const numeric = options.numeric ?? (linears.every(({ type }) => type === "f32") ? "reference" : "exact");
  return { program: { name: config.name, numeric, entries }, statistics: Object.fromEntries(statistics) };
}

function mergeStatistics({ config, configSource, statistics = {} }: LowerOptions): Map<string, Statistics | null> {
  const merged = new Map<string, Statistics | null>();
  for (const [name, value] of Object.entries(config.statistics))
    merged.set(name, value === null ? null : { mean: value.mean, std: value.std });
  for (const [name, value] of Object.entries(statistics)) {
    if (!merged.has(name)) {
      throw configError(
        { configSource },
        "CONFIG_STATISTICS",
        `statistics.${name}`,
        "was given, but the config declares no such statistics",
        [...merged.keys()].join(", ") || "none",
      );
    }
    merged.set(name, value);
  }
  return merged;
}

function checkRules(policy: TypePolicy, source: string, context: LoweringContext): void {
  const names = [...context.weights].map(([name, { sources }]) => [name, ...sources]);
  const [unused] = unusedRules(policy, names);
  if (unused === undefined) return;
  throw new InputError({
    code: "TYPE_RULE_UNUSED",
    source,
    where: `rule "${unused.pattern}=${unused.type}"`,
    message: "matches no linear weight",
    expected: `a pattern of names such as ${names
      .slice(0, 3)
      .map(([name]) => `"${name}"`)
      .join(", ")}`,
  });
}

/** The value that a step gives, and the names of those that it took. */
function lowerStep(
  lowering: Lowering,
  config: ModelConfig,
  where: string,
  step: EntryConfig["steps"][number],
  values: ReadonlyMap<string, Activation>,
): { readonly value: Activation; readonly used: readonly string[] } {
  const used: string[] = [];
  const value = (key: "x" | "condition", wanted: string) => {
    const found = values.get(wanted);
    used.push(wanted);
    if (found !== undefined) return found;
    throw configError(
      lowering,
      "CONFIG_NAME",
      `${where}.${key}`,
      `"${wanted}" is neither an input nor an earlier step's result`,
      [...values.keys()].join(", "),
    );
  };
  const part = own(config.parts, step.part);
  if (part === undefined)
    throw configError(
      lowering,
      "CONFIG_NAME",
      `${where}.part`,
      `there is no part "${step.part}"`,
      Object.keys(config.parts).join(", "),
    );
  if (values.has(step.as))
    throw configError(
      lowering,
      "CONFIG_NAME",
      `${where}.as`,
      `"${step.as}" is already an input or a result`,
      "another name",
    );
  const condition = step.condition === undefined ? undefined : value("condition", step.condition);
  return { value: lowerPart(lowering, step.part, part, value("x", step.x), condition), used };
}

function lowerEntry(lowering: Lowering, config: ModelConfig, name: string, entry: EntryConfig): Entry {
  const path = `entries.${name}`;
  const values = new Map<string, Activation>();
  const used = new Set<string>();
  const inputs: Port[] = Object.keys(entry.inputs).map((input) => {
    const port = lowerInput(lowering, config, path, input, entry);
    values.set(input, port.tensor);
    return port;
  });
  entry.steps.forEach((step, i) => {
    const made = lowerStep(lowering, config, `${path}.steps[${i}]`, step, values);
    for (const name of made.used) used.add(name);
    values.set(step.as, made.value);
    const { length } = lowering.builder.ops;
    if (length > limits.ops_max)
      throw configError(
        lowering,
        "CONFIG_OPS",
        `${path}.steps[${i}]`,
        `brings the entry to ${length} ops`,
        `at most ${limits.ops_max}`,
      );
  });
  const outputs = Object.entries(entry.outputs).map(([output, kind]): Port => {
    const tensor = values.get(output);
    if (tensor === undefined || Object.hasOwn(entry.inputs, output)) {
      throw configError(
        lowering,
        "CONFIG_NAME",
        `${path}.outputs.${output}`,
        "is not the result of a step",
        entry.steps.map((step) => step.as).join(", "),
      );
    }
    used.add(output);
    return { name: output, kind, tensor };
  });
  checkPorts(lowering, path, inputs, outputs);
  const idle = Object.keys(entry.inputs).find((input) => !used.has(input));
  if (idle !== undefined) throw unusedKey(lowering, `${path}.inputs.${idle}`, "is taken by no step");
  const vain = entry.steps.findIndex((step) => !used.has(step.as));
  if (vain >= 0)
    throw unusedKey(
      lowering,
      `${path}.steps[${vain}]`,
      `gives "${entry.steps[vain]?.as}", which no later step takes and no output names`,
    );
  if (entry.rowsMax !== undefined && inputs.every(({ tensor }) => !tensor.dynamic)) {
    throw configError(
      lowering,
      "CONFIG_ROWS",
      `${path}.rowsMax`,
      "is given, but an image is no number of rows",
      "an input of rows, or no rowsMax",
    );
  }
  return { name, rowsMax: entry.rowsMax ?? 1, inputs, outputs, ops: lowering.builder.ops };
}

/** A record's own value: a part named `constructor` must not find what every object inherits. */
function own<Value>(record: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function lowerPart(
  lowering: Lowering,
  name: string,
  part: PartConfig,
  x: Activation,
  condition: Activation | undefined,
): Activation {
  if (part.kind === "transformer") return lowerTransformer(lowering, name, part, x, condition);
  if (condition !== undefined)
    throw configError(lowering, "CONFIG_CONDITION", `parts.${name}`, "an mlp takes no condition");
  return lowerMlp(lowering, name, part, x);
}

function lowerInput(lowering: Lowering, config: ModelConfig, path: string, name: string, entry: EntryConfig): Port {
  const input = entry.inputs[name] as EntryConfig["inputs"][string];
  const { builder } = lowering;
  if (input.kind !== "image") {
    const tensor = builder.activation(name, entry.rowsMax ?? 1, input.width, entry.rowsMax !== undefined);
    return { name, kind: input.kind, tensor };
  }
  for (const step of entry.steps) {
    const part = own(config.parts, step.part);
    if (step.x !== name || part?.kind !== "transformer" || part.embedding.kind !== "patches") continue;
    const [height, width] = part.embedding.image;
    return { name, kind: "image", tensor: builder.tensor(name, "u8", [height, width, 3], false) };
  }
  throw configError(
    lowering,
    "CONFIG_INPUT",
    `${path}.inputs.${name}`,
    "no step gives this image to a part that embeds patches",
  );
}

function checkPorts(lowering: Lowering, path: string, inputs: readonly Port[], outputs: readonly Port[]): void {
  for (const [key, ports] of [
    ["inputs", inputs],
    ["outputs", outputs],
  ] as const) {
    if (ports.length === 0 || ports.length > 16)
      throw configError(lowering, "CONFIG_PORTS", `${path}.${key}`, `has ${ports.length} of them`, "1 to 16");
  }
}
