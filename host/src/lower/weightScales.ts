import { InputError } from "synapse-engine/errors";
import type { CheckpointTensor } from "../checkpoint/checkpoint.js";
import { elementCount } from "../checkpoint/dtypes.js";
import {
  concerns,
  isActivationScale,
  moduleOf,
  SCALE_WORD,
  scaledNames,
  scaleNames,
} from "../checkpoint/scaleNames.js";
import { quote } from "../files/inputError.js";

/** Types whose range is so small that their numbers usually have a factor beside them. */
const FLOAT8 = /^F8_E[45]M[23]$/;
const INTEGERS = /^(BOOL|[IU]\d+)$/;
/**
 * Side of the squares that have one scale each in most files; in others blocks of a power of two divide a dimension
 * into equal parts.
 */
const BLOCK = 128;
/** Query, key and value in one tensor may have a scale each. */
const FUSED_PARTS = 3;

type Tensors = ReadonlyMap<string, CheckpointTensor>;

/**
 * A warning when matrices of 8-bit floats have no scale beside them, none when there is no such matrix. Files that keep
 * their scales where nobody looks for them are read without a mistake, and every weight is wrong by a factor.
 */
export function unscaledNote(tensors: Tensors): string[] {
  const names = [...tensors.values()]
    .filter(
      ({ dtype, shape, name }) =>
        FLOAT8.test(dtype) && shape.length > 1 && !scaleNames(name).some((scale) => tensors.has(scale)),
    )
    .map(({ name }) => name);
  if (names.length === 0) return [];
  const such =
    names.length === 1 ? quote(names[0] as string) : `${names.length} tensors, such as ${quote(names[0] as string)},`;
  return [
    `${such} of 8-bit floats had no scale beside: if the file keeps scales elsewhere, the weights are wrong by a factor`,
  ];
}

/** Finds what 8-bit floats of a checkpoint are to be multiplied with. */
export class WeightScales {
  readonly #tensors: Tensors;
  readonly #source: string;
  #byModule: ReadonlyMap<string, readonly string[]> | undefined;

  constructor(tensors: Tensors, source: string) {
    this.#tensors = tensors;
    this.#source = source;
  }

  /**
   * `tensor` times its scale, and the names that belong to it; the tensor itself where it is of another type or has
   * none. Throws `WEIGHT_SCALE` where something beside it looks like a scale and cannot be applied: such weights would
   * be wrong by that factor.
   */
  applied(
    tensor: CheckpointTensor,
    name: string,
  ): { readonly tensor: CheckpointTensor; readonly used: readonly string[] } {
    if (!FLOAT8.test(tensor.dtype)) return { tensor, used: [] };
    const scales = scaleNames(name).filter((candidate) => this.#tensors.has(candidate));
    const [scale] = scales;
    const beside = this.#beside(moduleOf(name));
    const used = beside.filter(isActivationScale);
    const unknown = [...beside.filter((each) => concerns(each, name)), ...this.#beside(name)].find(
      (each) => !scales.includes(each) && !used.includes(each) && !this.#belongsToAnother(each, name),
    );
    if (scales.length > 1)
      throw this.#error(name, `${scales.map(quote).join(" and ")} both look like its scale`, "one scale");
    if (unknown !== undefined)
      throw this.#error(
        name,
        `${quote(unknown)} beside it is no scale that is known`,
        `a scale called ${scaleNames(name).map(quote).join(", ")}`,
      );
    if (scale === undefined) return { tensor, used };
    return { tensor: this.#scaled(tensor, name, this.#tensors.get(scale) as CheckpointTensor), used: [...used, scale] };
  }

  #error(name: string, message: string, expected: string): InputError {
    return new InputError({
      code: "WEIGHT_SCALE",
      source: this.#source,
      where: `tensor ${quote(name)}`,
      message,
      expected,
    });
  }

  /** Names of the module that have to do with scales. */
  #beside(module: string): readonly string[] {
    if (this.#byModule === undefined) {
      const byModule = new Map<string, string[]>();
      for (const name of this.#tensors.keys()) {
        if (!SCALE_WORD.test(name.slice(moduleOf(name).length))) continue;
        const own = byModule.get(moduleOf(name));
        if (own === undefined) byModule.set(moduleOf(name), [name]);
        else own.push(name);
      }
      this.#byModule = byModule;
    }
    return this.#byModule.get(module) ?? [];
  }

  /** A module may have several weights: `in_proj_weight` and `out_weight`, each with its own scale. */
  #belongsToAnother(scale: string, name: string): boolean {
    return scaledNames(scale).some((other) => other !== name && this.#tensors.has(other));
  }

  #scaled(tensor: CheckpointTensor, name: string, scale: CheckpointTensor): CheckpointTensor {
    if (INTEGERS.test(scale.dtype))
      throw this.#error(
        name,
        `its scale ${quote(scale.name)} holds integers (${scale.dtype})`,
        "a scale in floating point",
      );
    const blocks = blocksOf(tensor.shape, scale.shape);
    if (blocks === undefined) {
      throw this.#error(
        name,
        `its scale ${quote(scale.name)} of shape [${scale.shape.join(", ")}] does not divide its shape [${tensor.shape.join(", ")}]`,
        `one number, one for each of the first dimension, or one for each block of ${BLOCK} x ${BLOCK} or of another power of two`,
      );
    }
    const readF32 = async () => multiplied(await tensor.readF32(), tensor.shape, await scale.readF32(), blocks);
    const read = async () => new Uint8Array((await readF32()).buffer);
    return { ...tensor, dtype: "F32", bytes: (elementCount(tensor.shape) as number) * 4, read, readF32 };
  }
}

/**
 * For each dimension of the weight how many of its elements have one scale, or undefined where the shapes do not say.
 */
function blocksOf(shape: readonly number[], scale: readonly number[]): number[] | undefined {
  if (elementCount(scale) === 1) return shape.map((size) => Math.max(size, 1));
  // One for each row may leave out dimensions of 1 that follow.
  const rows = scale[0] === shape[0] && scale.slice(1).every((size) => size === 1);
  const aligned = rows && scale.length < shape.length ? shape.map((size, i) => (i === 0 ? size : 1)) : scale;
  if (aligned.length !== shape.length) return undefined;
  if (mayBeFused(shape, aligned)) return undefined;
  const blocks = shape.map((size, i) => blockOf(size, aligned[i] as number));
  return blocks.every((block) => block !== undefined) ? blocks : undefined;
}

/**
 * Three scales for rows that are three equal parts, and as well three blocks of which the last is cut: nothing says
 * which.
 */
function mayBeFused(shape: readonly number[], scale: readonly number[]): boolean {
  const [size, ...rest] = shape as [number, ...number[]];
  const three = scale[0] === FUSED_PARTS && scale.slice(1).every((count) => count === 1);
  return (
    three &&
    rest.length > 0 &&
    size % FUSED_PARTS === 0 &&
    size % BLOCK !== 0 &&
    Math.ceil(size / BLOCK) === FUSED_PARTS
  );
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

function multiplied(
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
