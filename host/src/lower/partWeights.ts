import { InputError } from "synapse-sim";
import { storageTypes } from "../compress/types/index.js";
import type { StorageTypeName } from "../compress/types/storageType.js";
import type { WeightSpec } from "./builder.js";
import { type FoundTensor, loadFinite, type WeightSource } from "./weightSource.js";

export type Spellings = string | readonly string[];

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

  constructor(source: WeightSource, configSource: string, path: string, keys: Readonly<Record<string, unknown>>, layer?: number) {
    this.source = source;
    this.configSource = configSource;
    this.path = path;
    this.keys = keys;
    this.layer = layer;
  }

  /** The tensor that `key` names, with `suffix` (`.weight`, `.bias` or nothing) after each spelling. */
  find(key: string, suffix: string, shape: readonly number[]): FoundTensor {
    const spellings = this.keys[key] as Spellings | undefined;
    if (spellings === undefined) {
      throw new InputError({
        code: "CONFIG_WEIGHTS",
        source: this.configSource,
        where: `${this.path}.${key}`,
        message: "is missing, but the rest of this part needs it",
        expected: `the checkpoint's name of a tensor of shape [${shape.join(", ")}]`,
      });
    }
    const all = (typeof spellings === "string" ? [spellings] : spellings).map(
      (text) => `${text.replaceAll("{i}", String(this.layer))}${suffix}`,
    );
    const where = this.layer === undefined ? `${this.path}.${key}` : `${this.path}.${key} (i = ${this.layer})`;
    return this.source.find(where, all, shape);
  }
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
  if (storageTypes[type].repack === undefined || slices.some(({ found }) => found.tensor.dtype.toLowerCase() !== type)) return undefined;
  const pieces: Uint8Array[] = [];
  for (const { found, start, rows } of slices) {
    const bytes = await found.tensor.read();
    const rowBytes = bytes.length / (found.shape[0] as number);
    pieces.push(bytes.subarray(start * rowBytes, (start + rows) * rowBytes));
  }
  return new Uint8Array(Buffer.concat(pieces));
}
