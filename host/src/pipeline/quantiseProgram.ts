import { InputError } from "synapse-engine/errors";
import { MomentsUnusable } from "../compress/linalg/linalgPool.js";
import { isRowScaled, type QuantisedLayer } from "../compress/linalg/quantiseLayers.js";
import type { Constant, Entry, Op, OpOf, Program } from "../program/program.js";
import type { QuantisedWeight } from "../report/compressReport.js";
import type { Calibrated } from "./calibrate.js";
import type { InputStatistic } from "./captureProgram.js";

export interface QuantisedProgram {
  readonly program: Program;
  readonly weights: readonly QuantisedWeight[];
  /** Weights whose type has no scale a row and which are rounded to nearest. */
  readonly nearest: readonly string[];
}

/**
 * Quantises the linear weights of a program against the moments of their inputs, and puts what is lost in the mean into
 * their biases; layers without a bias get one. Rejects with an InputError `CALIBRATION_NOT_FINITE` when the inputs of a
 * layer are not finite numbers.
 */
export async function quantiseProgram(
  program: Program,
  statistics: readonly InputStatistic[],
  { pool, rows }: Calibrated,
  source: string,
  onProgress: (done: number, total: number, label: string) => void,
): Promise<QuantisedProgram> {
  const constants = weightsOf(program);
  const quantised = new Map<string, QuantisedLayer>();
  const weights: QuantisedWeight[] = [];
  const nearest: string[] = [];
  let done = 0;
  const quantise = async ({ weights: names, k }: InputStatistic, index: number) => {
    const integer = names.map((name) => constants.get(name) as Constant).filter(({ type }) => type !== "f32");
    const layers = integer.filter(({ type }) => isRowScaled(type));
    nearest.push(...integer.filter(({ type }) => !isRowScaled(type)).map(({ name }) => name));
    const loaded = await Promise.all(
      layers.map(async ({ type, shape, load }) => ({ type, n: shape[0] as number, weights: await load() })),
    );
    const answers = loaded.length === 0 ? [] : await pool.quantise(index, loaded).catch(unusable(names, source));
    layers.forEach(({ name, type, shape }, i) => {
      const answer = answers[i] as QuantisedLayer;
      quantised.set(name, answer);
      weights.push({
        name,
        type,
        shape: [shape[0] as number, k],
        bytes: answer.bytes.length,
        rows: rows[index] as number,
        relativeError: answer.relativeError,
        nearestError: answer.nearestError,
      });
    });
    onProgress(++done, statistics.length, names[0] ?? "");
  };
  await Promise.all(statistics.map(quantise));
  const order = [...constants.keys()];
  weights.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  return { program: replace(program, quantised), weights, nearest };
}

function weightsOf(program: Program): Map<string, Constant> {
  const linears = program.entries.flatMap(({ ops }) => ops.filter((op) => op.op === "linear"));
  return new Map(linears.map(({ w }) => [w.name, w]));
}

function unusable(names: readonly string[], source: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof MomentsUnusable)) throw error;
    throw new InputError({
      code: "CALIBRATION_NOT_FINITE",
      source,
      where: `"${names[0]}"`,
      message: "is given numbers that are not finite by the calibration inputs",
      expected: "weights and pictures with which the model computes finite numbers",
    });
  };
}

/** The program with the quantised weights and their biases; what entries shared they share again. */
function replace(program: Program, quantised: ReadonlyMap<string, QuantisedLayer>): Program {
  const made = new Map<string, Constant>();
  const once = (key: string, make: () => Constant) => {
    const constant = made.get(key) ?? make();
    made.set(key, constant);
    return constant;
  };
  const linear = (op: OpOf<"linear">): Op => {
    const layer = quantised.get(op.w.name);
    if (layer === undefined) return op;
    const w = once(`weight ${op.w.name}`, () => ({ ...op.w, stored: async () => layer.bytes }));
    const bias = once(`bias ${op.w.name} ${op.bias?.name ?? ""}`, () => corrected(op, layer.bias));
    return { ...op, w, bias };
  };
  const entries = program.entries.map(
    (entry): Entry => ({ ...entry, ops: entry.ops.map((op) => (op.op === "linear" ? linear(op) : op)) }),
  );
  return { ...program, entries };
}

/** The bias of a layer with what its weights lose in the mean. */
function corrected({ w, bias }: OpOf<"linear">, loss: Float64Array): Constant {
  const known: Constant = bias ?? {
    kind: "constant",
    name: `${w.name.replace(/\.weight$/, "")}.bias`,
    type: "f32",
    shape: [loss.length],
    layout: "plain",
    sources: w.sources,
    load: async () => new Float32Array(loss.length),
  };
  return {
    ...known,
    load: async () => {
      const values = await known.load();
      return Float32Array.from(loss, (value, i) => (values[i] as number) + value);
    },
  };
}
