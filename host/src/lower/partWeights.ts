import { InputError } from "synapse-engine/errors";
import { storageTypes } from "../compress/types/index.js";
import type { StorageTypeName } from "../format/types.js";
import type { WeightSpec } from "./builder.js";
import { type FoundTensor, loadFinite, type WeightSource } from "./weightSource.js";

export type Spellings = string | readonly string[];

/** A linear layer's tensors by their whole names. */
interface LinearTensors {
  readonly weight: Spellings;
  readonly bias?: Spellings;
  readonly transposed: boolean;
}

/** Some rows of a checkpoint tensor of `shape[0]` rows. */
export interface RowSlice {
  readonly found: FoundTensor;
  readonly start: number;
  readonly rows: number;
}

export function wholeTensor(found: FoundTensor): RowSlice {
  return { found, start: 0, rows: found.shape[0] as number };
}

/** The weights of one part of a config, or of one layer of it: looks keys up and says which are missing. */
export class PartWeights {
  readonly source: WeightSource;
  readonly path: string;
  private readonly keys: Readonly<Record<string, unknown>>;
  private readonly configSource: string;
  private readonly layer: number | undefined;

  constructor(
    source: WeightSource,
    configSource: string,
    path: string,
    keys: Readonly<Record<string, unknown>>,
    layer?: number,
  ) {
    this.source = source;
    this.configSource = configSource;
    this.path = path;
    this.keys = keys;
    this.layer = layer;
  }

  /** The tensor that `key` names, with `suffix` (`.weight`, `.bias` or nothing) after each spelling. */
  find(key: string, suffix: string, shape: readonly number[]): FoundTensor {
    const given = this.keys[key] as Spellings | LinearTensors | undefined;
    const named = given !== undefined && isLinearTensors(given) ? given : undefined;
    const spellings =
      named === undefined ? (given as Spellings | undefined) : suffix === ".bias" ? named.bias : named.weight;
    if (spellings === undefined) {
      throw new InputError({
        code: "CONFIG_WEIGHTS",
        source: this.configSource,
        where: `${this.path}.${key}${named === undefined ? "" : suffix}`,
        message: "is missing, but the rest of this part needs it",
        expected: `the checkpoint's name of a tensor of shape [${shape.join(", ")}]`,
      });
    }
    const all = (typeof spellings === "string" ? [spellings] : spellings).map(
      (text) => `${text.replaceAll("{i}", String(this.layer))}${named === undefined ? suffix : ""}`,
    );
    const where = this.layer === undefined ? `${this.path}.${key}` : `${this.path}.${key} (i = ${this.layer})`;
    if (!named?.transposed || suffix !== ".weight") return this.source.find(where, all, shape);
    return transposed(this.source.find(where, all, [...shape].reverse(), true), shape);
  }
}

function isLinearTensors(given: Spellings | LinearTensors): given is LinearTensors {
  return typeof given === "object" && !Array.isArray(given);
}

/**
 * A matrix that is stored [in, out], read as [out, in]. What is stored in blocks along its rows cannot be turned as it
 * is.
 */
function transposed(found: FoundTensor, shape: readonly number[]): FoundTensor {
  const [n, k] = shape as [number, number];
  const readF32 = async () => {
    const stored = await found.tensor.readF32();
    const values = new Float32Array(stored.length);
    for (let row = 0; row < n; row++)
      for (let column = 0; column < k; column++) values[row * k + column] = stored[column * n + row] as number;
    return values;
  };
  const read = async () => new Uint8Array((await readF32()).buffer);
  const placeOf = (index: number) => (index % k) * n + Math.floor(index / k);
  const tensor = { ...found.tensor, dtype: "F32", shape, bytes: n * k * 4, read, readF32 };
  return { ...found, shape, tensor, stored: { tensor: found.tensor, placeOf } };
}

/** A linear layer's weight made of rows of checkpoint tensors, one after the other. */
export function stackedWeight(name: string, slices: readonly RowSlice[], k: number, source: string): WeightSpec {
  const n = slices.reduce((sum, slice) => sum + slice.rows, 0);
  return {
    name,
    n,
    k,
    sources: [...new Set(slices.flatMap(({ found }) => [found.name, found.tensor.name]))],
    load: () => stackRows(slices, k, source),
    loadBlocks: (type) => stackBlocks(slices, type),
  };
}

/** Rows of checkpoint tensors one after the other, `k` values each. */
export async function stackRows(slices: readonly RowSlice[], k: number, source: string): Promise<Float32Array> {
  const out = new Float32Array(slices.reduce((sum, slice) => sum + slice.rows, 0) * k);
  let at = 0;
  for (const { found, start, rows } of slices) {
    const values = await loadFinite(found, source);
    out.set(values.subarray(start * k, (start + rows) * k), at);
    at += rows * k;
  }
  return out;
}

async function stackBlocks(slices: readonly RowSlice[], type: StorageTypeName): Promise<Uint8Array | undefined> {
  if (storageTypes[type].repack === undefined || slices.some(({ found }) => found.tensor.dtype.toLowerCase() !== type))
    return undefined;
  const pieces: Uint8Array[] = [];
  for (const { found, start, rows } of slices) {
    const bytes = await found.tensor.read();
    const rowBytes = bytes.length / (found.shape[0] as number);
    pieces.push(bytes.subarray(start * rowBytes, (start + rows) * rowBytes));
  }
  return new Uint8Array(Buffer.concat(pieces));
}
