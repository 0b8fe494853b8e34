import { InputError } from "synapse-engine/errors";
import type { Checkpoint, CheckpointTensor } from "../checkpoint/checkpoint.js";
import { couldBeFactor } from "../checkpoint/scaleNames.js";
import { globMatches } from "../compress/policy.js";
import { nearestNames } from "../config/spelling.js";
import { elements } from "../program/program.js";
import { WeightScales } from "./weightScales.js";

/**
 * A checkpoint tensor that was found under one of its spellings. `name` is the first spelling, whichever the checkpoint
 * uses.
 */
export interface FoundTensor {
  readonly name: string;
  readonly tensor: CheckpointTensor;
  readonly shape: readonly number[];
  /** Where `tensor` is made of another: that, and the place in it of each value. */
  readonly stored?: { readonly tensor: CheckpointTensor; readonly placeOf: (index: number) => number };
}

/** What weights are taken from. */
export type WeightFile = Pick<Checkpoint, "path" | "tensors" | "quantisation">;

/** Types that no weight has by itself. */
const INTEGERS = /^(BOOL|[IU]\d+)$/;

/** Finds the checkpoint's tensors by the spellings a config gives, and remembers which were used. */
export class WeightSource {
  private readonly checkpoint: WeightFile;
  private readonly configSource: string;
  private readonly suggestNames: boolean;
  private readonly used = new Set<string>();
  private readonly scales: WeightScales;

  constructor(checkpoint: WeightFile, configSource: string, suggestNames = true) {
    this.suggestNames = suggestNames;
    this.checkpoint = checkpoint;
    this.configSource = configSource;
    this.scales = new WeightScales(checkpoint);
  }

  /**
   * The tensor under the first spelling that exists. `where` is the config's JSON path. Dimensions of 1 are not
   * compared, so that a convolution of kernel 1 is a linear layer and `[1, 1, n]` a vector. `transposed` says that a
   * matrix is stored [in, out]. 8-bit floats come multiplied with their scales. Throws `WEIGHT_MISSING`,
   * `WEIGHT_SHAPE`, `WEIGHT_DTYPE` or `WEIGHT_SCALE`.
   */
  find(where: string, spellings: readonly string[], shape: readonly number[], transposed = false): FoundTensor {
    const { tensors, path } = this.checkpoint;
    const spelling = spellings.map((candidate) => this.scales.stored(candidate)).find((name) => name !== undefined);
    if (spelling === undefined) {
      const near = this.suggestNames ? nearestNames(spellings, tensors.keys(), 3) : [];
      const nearest = near.length > 0 ? `; the nearest names are ${near.map((text) => `"${text}"`).join(", ")}` : "";
      throw new InputError({
        code: "WEIGHT_MISSING",
        source: path,
        where: `${this.configSource} ${where}`,
        message: `the checkpoint has no tensor ${spellings.map((text) => `"${text}"`).join(" or ")}`,
        expected: `shape [${shape.join(", ")}]${nearest}${this.suggestNames ? beginning(tensors.keys()) : ""}`,
      });
    }
    const tensor = tensors.get(spelling) as CheckpointTensor;
    const squeeze = (dimensions: readonly number[]) => dimensions.filter((dimension) => dimension !== 1).join(", ");
    if (squeeze(tensor.shape) !== squeeze(shape)) {
      throw new InputError({
        code: "WEIGHT_SHAPE",
        source: path,
        where: `${this.configSource} ${where}`,
        message: `tensor "${spelling}" has shape [${tensor.shape.join(", ")}]`,
        expected: `[${shape.join(", ")}]`,
      });
    }
    if (INTEGERS.test(tensor.dtype)) {
      throw new InputError({
        code: "WEIGHT_DTYPE",
        source: path,
        where: `${this.configSource} ${where}`,
        message:
          `tensor "${spelling}" holds integers (${tensor.dtype}), which mean nothing without the scales of ` +
          "whatever quantised it",
        expected: "a checkpoint in F32, F16, BF16, F64, 8-bit floats or GGUF blocks",
      });
    }
    const scaled = this.scales.applied(tensor, spelling, transposed);
    for (const name of [spelling, ...scaled.used]) this.used.add(name);
    return { name: spellings[0] as string, tensor: scaled.tensor, shape };
  }

  /**
   * Throws `WEIGHT_EXTRA` when the checkpoint holds tensors that no part of the config reads and no pattern of `ignore`
   * covers; `WEIGHT_SCALE` when one of those that nothing reads could be the missing scale of 8-bit floats.
   */
  checkAllUsed(ignore: readonly string[]): void {
    const unused = [...this.checkpoint.tensors.keys()].filter((name) => !this.used.has(name));
    this.scales.checkUnused(unused);
    const extra = unused.filter((name) => !ignore.some((pattern) => globMatches(pattern, name)));
    if (extra.length === 0) return;
    // What may be a factor comes first: without it the model would be another.
    const factors = extra.filter(couldBeFactor);
    const shown = [...factors, ...extra.filter((name) => !factors.includes(name))].slice(0, 5);
    const list = `${shown.map((name) => `"${name}"`).join(", ")}${extra.length > shown.length ? ", ..." : ""}`;
    const warned = `; by its name "${factors[0]}" may be a factor of weights, which would be wrong without it`;
    const ignored = `patterns in "ignore" of ${this.configSource}`;
    const expected =
      factors.length === 0
        ? `a config that describes the whole checkpoint, or ${ignored}`
        : `weights multiplied with their factors before they are saved; ${ignored} for the other tensors alone`;
    throw new InputError({
      code: "WEIGHT_EXTRA",
      source: this.checkpoint.path,
      message:
        `the config does not use ${extra.length} of the checkpoint's tensors: ${list}` +
        (factors.length > 0 ? warned : ""),
      expected,
      details: { tensors: extra },
    });
  }
}

/** The tensor's values, checked for length and for numbers that are not finite (`WEIGHT_NOT_FINITE`). */
export async function loadFinite(found: FoundTensor, source: string): Promise<Float32Array> {
  const values = await found.tensor.readF32();
  if (values.length !== elements(found.shape))
    throw new RangeError(`${found.tensor.name}: read ${values.length} values of shape [${found.shape.join(", ")}]`);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const { tensor, placeOf } = found.stored ?? { tensor: found.tensor, placeOf: (index: number) => index };
    const place = placeOf(bad);
    const stored = await storedValue(tensor, place);
    throw new InputError({
      code: "WEIGHT_NOT_FINITE",
      source,
      where: `tensor "${tensor.name}", element ${place}`,
      message: `the value is ${stored ?? values[bad]}${stored === undefined ? "" : ", which f32 cannot hold"}`,
      expected: stored === undefined ? "finite numbers" : "numbers of at most 3.4e38 in magnitude",
    });
  }
  return values;
}

/** The finite number that a wider type holds where f32 has none. */
async function storedValue(tensor: CheckpointTensor, index: number): Promise<number | undefined> {
  if (tensor.dtype !== "F64") return undefined;
  const bytes = await tensor.read();
  const value = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(index * 8, true);
  return Number.isFinite(value) ? value : undefined;
}

/**
 * What all names have in common at their beginning, in whole words: most likely a prefix that the config leaves out.
 */
function beginning(names: Iterable<string>): string {
  let common: string[] | undefined;
  for (const name of names) {
    const segments = name.split(".").slice(0, -1);
    const differs = common?.findIndex((segment, i) => segment !== segments[i]) ?? -1;
    common = common === undefined ? segments : differs < 0 ? common : common.slice(0, differs);
  }
  return common === undefined || common.length === 0 ? "" : `; all names begin with "${common.join(".")}."`;
}
