import { InputError } from "synapse-engine/errors";
import { decodePlain, encodePlain, type PlainType, plainBytes, type SlimStorage } from "../compress/plain.js";
import { parseTypePolicy, type TypePolicy } from "../compress/policy.js";
import { storageTypes } from "../compress/types/index.js";
import { oneOf, typesOfAnyRange } from "../compress/types/storageType.js";
import { ACTION_STATISTICS, type PackActions, packActions } from "../config/actionSpace.js";
import { ConfigReads } from "../config/configReads.js";
import type { ActionSpace, ModelConfig, Statistics } from "../config/configSchema.js";
import { parseConfig } from "../config/parseConfig.js";
import { VERSION } from "../files/version.js";
import { checkHeader } from "../format/header.js";
import { ALIGNMENT } from "../format/layout.js";
import { limits } from "../format/limits.js";
import type { AttentionCompute } from "../format/ops.js";
import { roundUp } from "../format/roundUp.js";
import type { StorageTypeName } from "../format/types.js";
import type { Activations } from "../lower/activations.js";
import { lower } from "../lower/lower.js";
import type { WeightFile } from "../lower/weightSource.js";
import { type ConstantPlace, emitHeader } from "../pack/emit.js";
import { readPack } from "../pack/readPack.js";
import { type Blob, writePack } from "../pack/writePack.js";
import { type Plan, planMemory } from "../plan/plan.js";
import { type Constant, constantsOf, elements, type Program } from "../program/program.js";

export interface CompileProgress {
  /** Constants encoded so far, of `total`. */
  readonly done: number;
  readonly total: number;
  /** The tensor in work. */
  readonly name: string;
}

export interface CompileOptions {
  readonly checkpoint: WeightFile;
  /** A parsed JSON value; it is checked here. */
  readonly config: unknown;
  /** The config's file name, for messages. */
  readonly configSource?: string;
  /** As of `--type`, e.g. `i8,encoder.*=q8_0`; default `i8`. */
  readonly types?: string | TypePolicy;
  /** How vectors, tables and scales of rows are stored; f32 where absent. */
  readonly slim?: Partial<SlimStorage>;
  /** Bytes of region `fast` (SRAM) that one session may use. */
  readonly fastBytes: number;
  /** Replaces the config's statistics of these names. */
  readonly statistics?: Readonly<Record<string, Statistics>>;
  /** Replaces the config's units and bounds of actions. */
  readonly actions?: ActionSpace;
  readonly attentionCompute?: AttentionCompute | undefined;
  readonly activations?: Activations | undefined;
  readonly numeric?: "exact" | "reference";
  /** Added to the pack's `meta`. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** Name of the pack; the config's when absent. */
  readonly name?: string;
  /** Makes the program that is packed of the one that the config stands for: other constants, entries or outputs. */
  readonly rewrite?: (program: Program) => Program | Promise<Program>;
  /** Program and version that write the file. */
  readonly generator?: string;
  readonly onProgress?: (progress: CompileProgress) => void;
}

export interface TensorReport {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: StorageTypeName;
  /** Whether it is a linear weight, in panels. */
  readonly linear: boolean;
  readonly bytes: number;
  readonly elements: number;
  /** Checkpoint tensors it was made of. */
  readonly sources: readonly string[];
  /** Signal to rounding noise in decibels; Infinity when nothing was lost. */
  readonly snrDb: number;
  /** Cosine between the values before and after. */
  readonly cosine: number;
  /** GGUF blocks were taken over without loss. */
  readonly repacked: boolean;
  /** Why the type is not the default that was asked for. */
  readonly fallback?: string;
}

export interface CompileReport {
  readonly name: string;
  readonly numeric: "exact" | "reference";
  readonly fileBytes: number;
  /** Weights and vectors, without header and padding. */
  readonly constantBytes: number;
  readonly values: number;
  readonly bytesByType: Readonly<Partial<Record<StorageTypeName, number>>>;
  readonly tensors: readonly TensorReport[];
  readonly statistics: Readonly<Record<string, Statistics | null>>;
  readonly program: Program;
  readonly plan: Plan;
}

export interface Compiled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly report: CompileReport;
}

export const DEFAULT_GENERATOR = `synapse-host ${VERSION}`;

/**
 * Compiles a checkpoint into a `.syn` file: lowers the config to a program, stores weights in the types asked for,
 * plans memory. The same input gives the same bytes. Rejects with InputErrors of codes `CONFIG_*`, `WEIGHT_*`, `TYPE_*`
 * and `PACK_*`.
 */
export async function compile(options: CompileOptions): Promise<Compiled> {
  const { checkpoint, configSource = "config", types = "i8" } = options;
  const reads = new ConfigReads(options.config, parseConfig(options.config, configSource), configSource);
  const { config } = reads;
  const policy = typeof types === "string" ? parseTypePolicy(types) : types;
  const lowered = lower({ ...options, config, reads, configSource, checkpoint, policy });
  const { statistics } = lowered;
  const program = (await options.rewrite?.(lowered.program)) ?? lowered.program;
  const actions = packActions(config, configSource, options.actions, statistics[ACTION_STATISTICS]);
  const plan = planMemory(program, options.fastBytes);

  const constants = constantsOf(program);
  const places = placeConstants(constants, checkpoint.path);
  const identity = {
    name: options.name ?? config.name,
    generator: options.generator ?? DEFAULT_GENERATOR,
    meta: packMeta(config, program, statistics, actions, options.meta),
  };
  reads.requireAllRead();
  const header = emitHeader(program, plan, places, identity);
  checkHeader(header, configSource);

  const blobs: Blob[] = [];
  const tensors: TensorReport[] = [];
  for (const constant of constants) {
    options.onProgress?.({ done: tensors.length, total: constants.length, name: constant.name });
    const { bytes, report } = await store(constant, checkpoint.path).catch((error: unknown) => {
      throw outOfMemory(error, constant, checkpoint.path);
    });
    blobs.push({ offset: (places.get(constant) as ConstantPlace).offset, bytes });
    tensors.push(report);
  }
  options.onProgress?.({ done: constants.length, total: constants.length, name: "" });

  const bytes = writePack(header, blobs, configSource);
  // What a caller gives as meta may not fit the format; nobody should learn that from a board.
  readPack(bytes, configSource);
  return {
    bytes,
    report: {
      ...totals(tensors),
      name: identity.name,
      numeric: program.numeric,
      fileBytes: bytes.length,
      tensors,
      statistics,
      program,
      plan,
    },
  };
}

/**
 * Where each constant's bytes will be. What no file can hold is refused here, before anything of it is read and
 * encoded.
 */
function placeConstants(constants: readonly Constant[], source: string): Map<Constant, ConstantPlace> {
  const places = new Map<Constant, ConstantPlace>();
  let end = 0;
  for (const constant of constants) {
    const { name, shape, type, layout } = constant;
    const [n, k] = shape as [number, number];
    const scales = constant.scales ?? "f32";
    const columns = shape.at(-1) as number;
    const bytes =
      layout === "plain"
        ? plainBytes(type as PlainType, elements(shape) / columns, columns, scales)
        : storageTypes[type].bytes(n, k, scales);
    const offset = roundUp(end, ALIGNMENT);
    end = offset + bytes;
    if (elements(shape) > limits.elements_max || end > limits.file_bytes_max) {
      throw new InputError({
        code: "PACK_TOO_LARGE",
        source,
        where: `"${name}" of shape [${shape.join(", ")}]`,
        message: `brings the file to ${end} bytes`,
        expected: `at most ${limits.file_bytes_max} bytes, and ${limits.elements_max} elements a tensor`,
      });
    }
    places.set(constant, { offset, bytes });
  }
  return places;
}

function totals(tensors: readonly TensorReport[]): Pick<CompileReport, "constantBytes" | "values" | "bytesByType"> {
  const bytesByType: Partial<Record<StorageTypeName, number>> = {};
  for (const { type, bytes } of tensors) bytesByType[type] = (bytesByType[type] ?? 0) + bytes;
  return {
    constantBytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    values: tensors.reduce((sum, tensor) => sum + tensor.elements, 0),
    bytesByType,
  };
}

function packMeta(
  config: ModelConfig,
  program: Program,
  statistics: Readonly<Record<string, Statistics | null>>,
  actions: PackActions | undefined,
  extra: CompileOptions["meta"],
): Record<string, unknown> {
  const known = Object.fromEntries(Object.entries(statistics).filter(([, value]) => value !== null));
  return {
    architecture: config.name,
    ...(config.description === undefined ? {} : { description: config.description }),
    ...(config.licence === undefined ? {} : { licence: config.licence }),
    ...(Object.keys(known).length === 0 ? {} : { statistics: known }),
    ...(actions === undefined ? {} : { actions }),
    attention: attentionOf(program),
    ...extra,
  };
}

/** How the attention of a program computes: that of its first entry that computes in integers, or f32. */
function attentionOf({ entries }: Program): AttentionCompute {
  const computes = entries.flatMap(({ ops }) => ops.flatMap((op) => (op.op === "attention" ? [op.compute] : [])));
  return computes.find((compute) => compute !== "f32") ?? "f32";
}

/** What a failed allocation means to whoever packs; any other error as it is. */
function outOfMemory(error: unknown, { name, shape }: Constant, source: string): unknown {
  if (
    !(
      error instanceof RangeError &&
      /^Array buffer allocation|^Invalid (typed array|array buffer) length/.test(error.message)
    )
  )
    return error;
  return new InputError({
    code: "TENSOR_OUT_OF_MEMORY",
    source,
    where: `"${name}" of shape [${shape.join(", ")}]`,
    message: `this program cannot hold it, nor what it is made of (${error.message})`,
    expected: "smaller tensors, or a machine with more memory",
  });
}

/**
 * Below this signal to noise a tensor is lost: zeros in its place would have 0 dB, and even three bits keep 15 dB of
 * ordinary weights.
 */
const LOST_DB = 1;

/** Encodes one constant and measures what was lost. */
async function store(constant: Constant, source: string): Promise<{ bytes: Uint8Array; report: TensorReport }> {
  const values = await constant.load();
  const count = elements(constant.shape);
  if (values.length !== count)
    throw new RangeError(`${constant.name} has ${values.length} values for shape [${constant.shape.join(", ")}]`);
  // The checkpoint's numbers were finite; what is folded from them (BatchNorm, statistics) need not be.
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new InputError({
      code: "WEIGHT_NOT_FINITE",
      source,
      where: `"${constant.name}", element ${bad}, made of ${constant.sources.map((name) => `"${name}"`).join(", ")}`,
      message: `the value is ${values[bad]}`,
      expected: "finite numbers: variances of at least 0, deviations and epsilons that do not vanish",
    });
  }
  const known = {
    name: constant.name,
    shape: constant.shape,
    type: constant.type,
    elements: count,
    sources: constant.sources,
    ...(constant.fallback === undefined ? {} : { fallback: constant.fallback }),
  };
  const { bytes, stored, repacked } = await encoded(constant, values);
  const kept = fidelity(values, stored);
  if (!(kept.snrDb > LOST_DB)) throw outOfRange(constant, values, source);
  const linear = constant.layout === "panels";
  return { bytes, report: { ...known, linear, bytes: bytes.length, ...kept, repacked } };
}

interface Encoded {
  readonly bytes: Uint8Array;
  /** The values that the bytes stand for. */
  readonly stored: Float32Array;
  readonly repacked: boolean;
}

async function encoded(constant: Constant, values: Float32Array): Promise<Encoded> {
  const { shape, scales = "f32" } = constant;
  if (constant.layout === "plain") {
    const type = constant.type as PlainType;
    const columns = shape.at(-1) as number;
    const bytes = encodePlain(type, values, values.length / columns, columns, scales);
    return { bytes, stored: decodePlain(type, bytes, values.length / columns, columns, scales), repacked: false };
  }
  const [n, k] = shape as [number, number];
  const type = storageTypes[constant.type];
  const stored = await constant.stored?.();
  const blocks = stored === undefined ? await constant.loadBlocks?.() : undefined;
  const bytes =
    stored ??
    (blocks !== undefined && type.repack !== undefined ? type.repack(blocks, n, k) : type.encode(values, n, k, scales));
  return { bytes, stored: type.decode(bytes, n, k, scales), repacked: blocks !== undefined };
}

function outOfRange({ name, type, layout, scales }: Constant, values: Float32Array, source: string): InputError {
  const peak = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const what = layout === "panels" ? "weights" : "numbers";
  const scaled = scales === undefined ? "" : ` with scales of ${scales}`;
  const others =
    layout === "panels"
      ? [`${oneOf(typesOfAnyRange())} for this tensor: --type '${name}=f32'`]
      : ["--vectors f32 and --tables f32"];
  return new InputError({
    code: "TYPE_RANGE",
    source,
    where: `"${name}"`,
    message: `type ${type}${scaled} cannot hold its ${what}, of which the largest is ${peak.toPrecision(3)}`,
    expected: [...others, ...(scales === undefined ? [] : ["--scales f32"])].join(", or "),
  });
}

/** Signal-to-noise ratio in decibels and cosine of stored against true values. */
export function fidelity(values: Float32Array, stored: Float32Array): { snrDb: number; cosine: number } {
  let signal = 0;
  let noise = 0;
  let product = 0;
  let power = 0;
  for (let i = 0; i < values.length; i++) {
    const a = values[i] as number;
    const b = stored[i] as number;
    signal += a * a;
    power += b * b;
    product += a * b;
    noise += (a - b) * (a - b);
  }
  if (noise === 0) return { snrDb: Number.POSITIVE_INFINITY, cosine: 1 };
  return {
    snrDb: 10 * Math.log10(signal / noise),
    cosine: signal === 0 || power === 0 ? 0 : product / Math.sqrt(signal * power),
  };
}

/** Number of ops of each name in a program, for reports. */
export function opCounts(program: Program): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { ops } of program.entries) for (const { op } of ops) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}
