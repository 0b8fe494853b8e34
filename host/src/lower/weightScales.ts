import { InputError } from "synapse-engine/errors";
import type { Checkpoint, CheckpointTensor } from "../checkpoint/checkpoint.js";
import { elementCount } from "../checkpoint/dtypes.js";
import {
  concerns,
  couldBeFactor,
  FILE_MARK,
  isActivationScale,
  LAYER_MARK,
  moduleOf,
  QUANTO_DATA,
  SCALE_WORD,
  scaledNames,
  scaleNames,
  weightOf,
} from "../checkpoint/scaleNames.js";
import { quote } from "../files/inputError.js";
import { BLOCK, blocksOf, multiplied } from "./scaleBlocks.js";

/** Types whose range is so small that their numbers usually have a factor beside them. */
const FLOAT8 = /^F8_E[45]M[23]$/;
const PRE_QUANT = /pre_?quant/i;
const INTEGERS = /^(BOOL|[IU]\d+)$/;
type Tensors = ReadonlyMap<string, CheckpointTensor>;

/**
 * A warning when matrices of 8-bit floats have no scale beside them, none when there is no such matrix. Files that keep
 * their scales where nobody looks for them are read without a mistake, and every weight is wrong by a factor.
 */
export function unscaledNote(tensors: Tensors): string[] {
  // By the names under which they are found now, which may be shorter than those in the file.
  const names = [...tensors]
    .filter(
      ([name, { dtype, shape }]) =>
        FLOAT8.test(dtype) && shape.length > 1 && !scaleNames(weightOf(name)).some((scale) => tensors.has(scale)),
    )
    .map(([, { name }]) => name);
  if (names.length === 0) return [];
  const such =
    names.length === 1 ? quote(names[0] as string) : `${names.length} tensors, such as ${quote(names[0] as string)},`;
  return [
    `${such} of 8-bit floats had no scale beside: if the file keeps scales elsewhere, the weights are wrong by a ` +
      "factor",
  ];
}

/** Finds what 8-bit floats of a checkpoint are to be multiplied with. */
export class WeightScales {
  readonly #tensors: Tensors;
  readonly #source: string;
  readonly #quantisation: Checkpoint["quantisation"];
  readonly #unscaled: string[] = [];
  #byModule: ReadonlyMap<string, readonly string[]> | undefined;
  #children: ReadonlyMap<string, readonly string[]> | undefined;

  constructor({ tensors, path, quantisation }: Pick<Checkpoint, "path" | "tensors" | "quantisation">) {
    this.#tensors = tensors;
    this.#source = path;
    this.#quantisation = quantisation;
  }

  /** The name under which the numbers of a weight are stored, or undefined where there are none. */
  stored(name: string): string | undefined {
    if (this.#tensors.has(name)) return name;
    return this.#tensors.has(name + QUANTO_DATA) ? name + QUANTO_DATA : undefined;
  }

  /**
   * `tensor` times its scale, and the names that belong to it; the tensor itself where it is of another type or has
   * none. `transposed` says that it is stored [in, out]. Throws `WEIGHT_SCALE` where something beside it looks like a
   * scale and cannot be applied: such weights would be wrong by that factor.
   */
  applied(
    tensor: CheckpointTensor,
    stored: string,
    transposed: boolean,
  ): { readonly tensor: CheckpointTensor; readonly used: readonly string[] } {
    if (!FLOAT8.test(tensor.dtype)) return { tensor, used: [] };
    const name = weightOf(stored);
    const scales = scaleNames(name).filter((candidate) => this.#tensors.has(candidate));
    const [scale] = scales;
    const used = [...this.#beside(moduleOf(name)).filter(isActivationScale), ...this.#marks(name)];
    const unknown = this.#concerning(name).find(
      (each) => each !== stored && !scales.includes(each) && !used.includes(each),
    );
    if (scales.length > 1)
      throw this.#error(name, `${scales.map(quote).join(" and ")} both look like its scale`, "one scale");
    if (unknown !== undefined)
      throw this.#error(
        name,
        `${quote(unknown)} beside it is no scale that is known`,
        `a scale called ${scaleNames(name).map(quote).join(", ")}`,
      );
    if (scale !== undefined)
      return {
        tensor: this.#scaled(tensor, name, this.#tensors.get(scale) as CheckpointTensor, transposed),
        used: [...used, scale],
      };
    this.#requireNoneSaid(name);
    this.#unscaled.push(name);
    return { tensor, used };
  }

  /**
   * Throws `WEIGHT_SCALE` where weights that were read have no scale, and one of `unused` could be it: whatever the
   * config ignores.
   */
  checkUnused(unused: readonly string[]): void {
    const [name] = this.#unscaled;
    const suspect = name === undefined ? undefined : unused.find(couldBeFactor);
    if (name === undefined || suspect === undefined) return;
    throw this.#error(
      name,
      `it has no scale beside it, and ${quote(suspect)} could be one: nothing says of what`,
      `each factor beside its weight, such as ${quote(`${name}_scale`)}; or a file without ${quote(suspect)}, ` +
        "if that has nothing to do with the weights",
    );
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

  /** What has to do with the weight by its place: beside it, or below its name or one that begins with it. */
  #concerning(name: string): string[] {
    const module = moduleOf(name);
    const beside = this.#beside(module).filter((each) => concerns(each, name));
    // Such as `fc.weight._shift` and `fc.weight_quantizer._amax`.
    const modules = (this.#modules().get(module) ?? []).filter((each) => each.startsWith(`${name}_`));
    // What goes into the layer is divided by these, and the weights are multiplied with them.
    const inputs = (this.#modules().get(module) ?? []).filter((each) => each.endsWith("quantizer"));
    const below = [
      ...inputs.flatMap((each) => this.#names().get(each) ?? []).filter((each) => PRE_QUANT.test(each)),
      ...(this.#names().get(name) ?? []),
      ...modules.flatMap((each) => this.#names().get(each) ?? []).filter(couldBeFactor),
    ];
    return [...beside, ...below].filter((each) => !this.#belongsToAnother(each, name));
  }

  /** Names of the module that have to do with scales. */
  #beside(module: string): readonly string[] {
    return (this.#names().get(module) ?? []).filter((name) => SCALE_WORD.test(name.slice(module.length)));
  }

  /** Modules by that which they are in. */
  #modules(): ReadonlyMap<string, readonly string[]> {
    this.#children ??= groupedBy(
      [...this.#names().keys()].filter((name) => name !== ""),
      moduleOf,
    );
    return this.#children;
  }

  #names(): ReadonlyMap<string, readonly string[]> {
    this.#byModule ??= groupedBy(this.#tensors.keys(), moduleOf);
    return this.#byModule;
  }

  /** Marks say how somebody's program computes; of the weights they say nothing that their scale does not. */
  #marks(name: string): string[] {
    const found: string[] = [];
    for (let module = moduleOf(name); ; module = moduleOf(module)) {
      const within = module === "" ? "" : `${module}.`;
      if (this.#tensors.has(within + FILE_MARK)) found.push(within + FILE_MARK);
      if (module === "") break;
    }
    const layer = `${moduleOf(name)}.${LAYER_MARK}`;
    if (!this.#tensors.has(layer)) return found;
    const blocks = scaleNames(name).find((each) => this.#tensors.get(each)?.dtype === "F8_E8M0");
    if (blocks !== undefined)
      throw this.#error(
        name,
        `by ${quote(layer)} its scale ${quote(blocks)} is of ComfyUI's MXFP8, whose order is that of a graphics card`,
        "a scale for the whole tensor or for each row",
      );
    return [...found, layer];
  }

  /** A module may have several weights: `in_proj_weight` and `out_weight`, each with its own scale. */
  #belongsToAnother(scale: string, name: string): boolean {
    return scaledNames(scale).some((other) => other !== name && this.stored(other) !== undefined);
  }

  /** Metadata that say how weights were made small speak of every 8-bit float. */
  #requireNoneSaid(name: string): void {
    if (this.#quantisation === undefined) return;
    throw this.#error(
      name,
      `${this.#quantisation.place} says that weights have scales, and it has none beside it`,
      `a scale called ${quote(`${name}_scale`)}`,
    );
  }

  #scaled(tensor: CheckpointTensor, name: string, scale: CheckpointTensor, transposed: boolean): CheckpointTensor {
    if (INTEGERS.test(scale.dtype))
      throw this.#error(
        name,
        `its scale ${quote(scale.name)} holds integers (${scale.dtype})`,
        "a scale in floating point",
      );
    const said = this.#quantisation?.blocks;
    const blocks = blocksOf({ shape: tensor.shape, scale: scale.shape, transposed, said });
    if (blocks === undefined) throw this.#shapeError(tensor, name, scale, transposed);
    const readF32 = async () => multiplied(await tensor.readF32(), tensor.shape, await scale.readF32(), blocks);
    const read = async () => new Uint8Array((await readF32()).buffer);
    return { ...tensor, dtype: "F32", bytes: (elementCount(tensor.shape) as number) * 4, read, readF32 };
  }

  #shapeError({ shape }: CheckpointTensor, name: string, scale: CheckpointTensor, transposed: boolean): InputError {
    const what = `its scale ${quote(scale.name)} of shape [${scale.shape.join(", ")}]`;
    const own = `[${shape.join(", ")}]`;
    const { place, blocks } = this.#quantisation ?? {};
    if (place !== undefined && blocks !== undefined)
      return this.#error(
        name,
        `${what} is not that of its shape ${own} in the blocks that ${place} says`,
        `one number for each block of ${blocks.join(" x ")}`,
      );
    const [inputs, outputs] = shape;
    if (transposed && scale.shape.length === 1 && scale.shape[0] === inputs && inputs === outputs)
      return this.#error(
        name,
        `${what} may be of its inputs or of its outputs: it is stored [in, out], and both are ${inputs}`,
        `[1, ${outputs}] for one number for each output, [${inputs}, 1] for each input`,
      );
    return this.#error(
      name,
      `${what} does not divide its shape ${own}`,
      `one number, one for each of the first dimension, or one for each block of ${BLOCK} x ${BLOCK} or of another ` +
        "power of two",
    );
  }
}

function groupedBy(names: Iterable<string>, groupOf: (name: string) => string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const own = groups.get(groupOf(name));
    if (own === undefined) groups.set(groupOf(name), [name]);
    else own.push(name);
  }
  return groups;
}
