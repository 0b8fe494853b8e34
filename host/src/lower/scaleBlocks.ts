import type { WeightBlocks } from "../checkpoint/checkpoint.js";
import { elementCount } from "../checkpoint/dtypes.js";

/**
 * Side of the squares that have one scale each in most files; in others blocks of a power of two divide a dimension
 * into equal parts.
 */
export const BLOCK = 128;
/** A weight and the factor beside it. */
export interface Shapes {
  readonly shape: readonly number[];
  readonly scale: readonly number[];
  /** The weight is stored [in, out]. */
  readonly transposed: boolean;
  /** What the file says of the blocks, if anything. */
  readonly said: WeightBlocks | undefined;
}

/**
 * For each dimension of the weight how many of its elements have one scale, or undefined where the shapes do not say,
 * or say otherwise than the file.
 */
export function blocksOf({ shape, scale, transposed, said }: Shapes): number[] | undefined {
  const aligned = alignedTo(shape, scale, transposed);
  if (said !== undefined) return aligned && saidBlocks(shape, aligned, transposed, said);
  if (elementCount(scale) === 1) return shape.map((size) => Math.max(size, 1));
  if (aligned === undefined || mayBeFused(shape, aligned, transposed ? 1 : 0)) return undefined;
  const blocks = shape.map((size, i) => blockOf(size, aligned[i] as number));
  return blocks.every((block) => block !== undefined) ? blocks : undefined;
}

/** Counts of scales in each dimension of the weight. */
function alignedTo(
  shape: readonly number[],
  scale: readonly number[],
  transposed: boolean,
): readonly number[] | undefined {
  if (elementCount(scale) === 1) return shape.map(() => 1);
  const plain = withoutOnes(shape, scale);
  if (plain.length !== scale.length) return alignedTo(shape, plain, transposed);
  if (transposed && scale.length === 1) return turned(shape, scale[0] as number);
  // One for each row may leave out dimensions of 1 that follow.
  const rows = scale[0] === shape[0] && scale.slice(1).every((size) => size === 1);
  const aligned = rows && scale.length < shape.length ? shape.map((size, i) => (i === 0 ? size : 1)) : scale;
  return aligned.length === shape.length ? aligned : undefined;
}

/**
 * Counts of blocks that keep the dimensions within a block, of which each has one scale: `[out, 1, in, 1]` of all, and
 * `[out, in, 1]` of the last.
 */
function withoutOnes(shape: readonly number[], scale: readonly number[]): readonly number[] {
  const counts = scale.filter((_, i) => i % 2 === 0);
  if (scale.length === 2 * shape.length && scale.every((size, i) => i % 2 === 0 || size === 1)) return counts;
  return scale.length === shape.length + 1 && scale.at(-1) === 1 ? scale.slice(0, -1) : scale;
}

/** A vector beside a matrix that is stored [in, out]: its length says what it is for, of a square one nothing does. */
function turned(shape: readonly number[], count: number): readonly number[] | undefined {
  const [inputs, outputs] = shape;
  if (shape.length !== 2 || inputs === outputs) return undefined;
  if (count === outputs) return [1, count];
  return count === inputs ? [count, 1] : undefined;
}

function saidBlocks(
  shape: readonly number[],
  aligned: readonly number[],
  transposed: boolean,
  said: WeightBlocks,
): number[] | undefined {
  const sides = transposed ? [said[1], said[0]] : said;
  // Of what is no matrix the file says nothing but how many rows have one factor.
  const each = shape.map((size, i) => {
    const side = sides[i] ?? "all";
    return side === "all" ? Math.max(size, 1) : side;
  });
  return shape.every((size, i) => Math.ceil(size / (each[i] as number)) === aligned[i]) ? each : undefined;
}

/**
 * Some scales for rows that are as many equal parts (query, key and value in one tensor, or gate and up), and as well
 * as many blocks of which the last is cut: nothing says which.
 */
function mayBeFused(shape: readonly number[], scale: readonly number[], outputs: number): boolean {
  const size = shape[outputs] as number;
  const parts = scale[outputs] as number;
  const ofRows = parts > 1 && scale.every((count, i) => i === outputs || count === 1);
  return ofRows && shape.length > 1 && size % parts === 0 && size % BLOCK !== 0 && Math.ceil(size / BLOCK) === parts;
}

/**
 * Length of the blocks of which `count` cover `size` elements. Blocks of other lengths than a power of two are in no
 * known file: such a count is that of blocks of which the last is cut, and how long those are is not said.
 */
function blockOf(size: number, count: number): number | undefined {
  if (count === Math.ceil(size / BLOCK) && size > 0) return count === 1 ? size : BLOCK;
  if (count <= 0 || size <= 0 || size % count !== 0) return undefined;
  const block = size / count;
  return count === 1 || Number.isInteger(Math.log2(block)) ? block : undefined;
}

/** Each value times the scale of its block. */
export function multiplied(
  values: Float32Array,
  shape: readonly number[],
  scales: Float32Array,
  blocks: readonly number[],
): Float32Array {
  const counts = shape.map((size, i) => Math.ceil(size / (blocks[i] as number)));
  const out = new Float32Array(values.length);
  const place = shape.map(() => 0);
  for (let index = 0; index < values.length; index++) {
    let at = 0;
    for (let i = 0; i < place.length; i++)
      at = at * (counts[i] as number) + Math.floor((place[i] as number) / (blocks[i] as number));
    out[index] = (values[index] as number) * (scales[at] as number);
    for (let i = place.length - 1; i >= 0; i--) {
      const next = (place[i] as number) + 1;
      place[i] = next === shape[i] ? 0 : next;
      if (next !== shape[i]) break;
    }
  }
  return out;
}
