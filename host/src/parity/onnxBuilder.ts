import {
  type Chunks,
  modelProto,
  nodeProto,
  type OnnxAttribute,
  type OnnxType,
  type OnnxValue,
  tensorProto,
} from "./onnxProto.js";

/** Opset 20 has LayerNormalization and Gelu as single operators; IR 9 goes with it. */
const OPSET = 20;
const IR_VERSION = 9;

/**
 * How linear layers compute. `int8` is the form that onnxruntime's `quantize_dynamic(per_channel=True)` gives:
 * activations to uint8 with one scale a tensor at run time, weights to symmetric int8 with one scale a column, products
 * summed in int32.
 */
export type OnnxLinearType = "f32" | "int8";

/** A linear layer as PyTorch stores it: weight `[outputs, inputs]` row-major, bias `[outputs]`. */
export interface LinearWeights {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** Collects nodes and constants of a graph. Methods take and return the names of values. */
export class OnnxBuilder {
  readonly #linearType: OnnxLinearType;
  readonly #nodes: Chunks[] = [];
  readonly #initializers: Chunks[] = [];
  readonly #quantized = new Map<string, readonly [string, string, string]>();

  constructor(linearType: OnnxLinearType) {
    this.#linearType = linearType;
  }

  constant(name: string, type: OnnxType, shape: readonly number[], data: ArrayBufferView): string {
    this.#initializers.push(tensorProto({ name, type, shape }, data));
    return name;
  }

  floats(name: string, shape: readonly number[], values: Float32Array): string {
    return this.constant(name, "float", shape, values);
  }

  /** A node with one output, which is named like the node. */
  node(
    op: string,
    name: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    this.#nodes.push(nodeProto(op, name, inputs, [name], attributes));
    return name;
  }

  reshape(name: string, x: string, shape: readonly number[]): string {
    return this.node("Reshape", name, [
      x,
      this.constant(`${name}.shape`, "int64", [shape.length], BigInt64Array.from(shape, BigInt)),
    ]);
  }

  transpose(name: string, x: string, perm: readonly number[]): string {
    return this.node("Transpose", name, [x], { perm });
  }

  layerNorm(name: string, x: string, gamma: Float32Array, beta: Float32Array, epsilon: number): string {
    const constants = [
      this.floats(`${name}.weight`, [gamma.length], gamma),
      this.floats(`${name}.bias`, [beta.length], beta),
    ];
    return this.node("LayerNormalization", name, [x, ...constants], { axis: 2, epsilon: { float: epsilon } });
  }

  /** x `[.., inputs]` -> `[.., outputs]`. */
  linear(name: string, x: string, { weight, bias }: LinearWeights): string {
    const outputs = bias.length;
    const inputs = weight.length / outputs;
    const product =
      this.#linearType === "f32"
        ? this.#matMul(name, x, weight, inputs, outputs)
        : this.#matMulInteger(name, x, weight, inputs, outputs);
    return this.node("Add", name, [product, this.floats(`${name}.bias`, [outputs], bias)]);
  }

  #matMul(name: string, x: string, weight: Float32Array, inputs: number, outputs: number): string {
    const columns = new Float32Array(weight.length);
    for (let n = 0; n < outputs; n++)
      for (let k = 0; k < inputs; k++) columns[k * outputs + n] = weight[n * inputs + k] as number;
    return this.node("MatMul", `${name}.product`, [x, this.floats(`${name}.weight`, [inputs, outputs], columns)]);
  }

  #matMulInteger(name: string, x: string, weight: Float32Array, inputs: number, outputs: number): string {
    const [values, scale, zeroPoint] = this.#dynamicQuantize(x);
    const { columns, scales } = quantizeColumns(weight, inputs, outputs);
    const sum = this.node("MatMulInteger", `${name}.sum`, [
      values,
      this.constant(`${name}.weight_quantized`, "int8", [inputs, outputs], columns),
      zeroPoint,
      this.constant(`${name}.weight_zero_point`, "int8", [outputs], new Int8Array(outputs)),
    ]);
    const cast = this.node("Cast", `${name}.sum_f32`, [sum], { to: 1 });
    const scaleBoth = this.node("Mul", `${name}.scale`, [
      scale,
      this.floats(`${name}.weight_scale`, [outputs], scales),
    ]);
    return this.node("Mul", `${name}.product`, [cast, scaleBoth]);
  }

  /** Layers that read the same activation share its quantised form. */
  #dynamicQuantize(x: string): readonly [string, string, string] {
    const known = this.#quantized.get(x);
    if (known !== undefined) return known;
    const outputs = [`${x}.u8`, `${x}.u8_scale`, `${x}.u8_zero_point`] as const;
    this.#nodes.push(nodeProto("DynamicQuantizeLinear", `${x}.quantize`, [x], outputs, {}));
    this.#quantized.set(x, outputs);
    return outputs;
  }

  /** The bytes of a `.onnx` file. */
  build(name: string, inputs: readonly OnnxValue[], outputs: readonly OnnxValue[]): Uint8Array {
    return modelProto(
      { name, nodes: this.#nodes, initializers: this.#initializers, inputs, outputs },
      IR_VERSION,
      OPSET,
    );
  }
}

/**
 * Symmetric int8 with one scale an output: the largest magnitude becomes 127, ties round to even. `columns` is
 * `[inputs, outputs]`.
 */
function quantizeColumns(
  weight: Float32Array,
  inputs: number,
  outputs: number,
): { columns: Int8Array; scales: Float32Array } {
  const columns = new Int8Array(weight.length);
  const scales = new Float32Array(outputs);
  for (let n = 0; n < outputs; n++) {
    const row = weight.subarray(n * inputs, (n + 1) * inputs);
    const largest = row.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const scale = Math.fround(largest / 127);
    scales[n] = scale;
    if (scale === 0) continue;
    for (let k = 0; k < inputs; k++) columns[k * outputs + n] = roundHalfEven(Math.fround((row[k] as number) / scale));
  }
  return { columns, scales };
}

function roundHalfEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  if (rest !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}
