/**
 * Just enough of protocol buffers and of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, field numbers below) to write a
 * model: nodes, initializers with raw data, inputs and outputs of fixed shapes.
 */

/** Bytes of a message, in pieces, so that weights are copied once when the file is put together. */
export type Chunks = readonly Uint8Array[];

const WIRE_VARINT = 0;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

/** `value` is a non-negative integer below 2^53. */
function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest >= 128) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return Uint8Array.from(out);
}

function tag(field: number, wire: number): Uint8Array {
  return varint(field * 8 + wire);
}

function integer(field: number, value: number): Chunks {
  return [tag(field, WIRE_VARINT), varint(value)];
}

function float(field: number, value: number): Chunks {
  return [tag(field, WIRE_FIXED32), new Uint8Array(Float32Array.of(value).buffer)];
}

function bytes(field: number, ...content: Chunks): Chunks {
  const length = content.reduce((sum, chunk) => sum + chunk.length, 0);
  return [tag(field, WIRE_BYTES), varint(length), ...content];
}

function text(field: number, value: string): Chunks {
  return bytes(field, new TextEncoder().encode(value));
}

export function concatenate(chunks: Chunks): Uint8Array {
  const out = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

/** TensorProto.DataType */
export const ONNX_TYPE = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;
export type OnnxType = keyof typeof ONNX_TYPE;

/** Whole numbers are written as INT; a float attribute is wrapped to tell `1` from `1.0`. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
}

/** AttributeProto: name 1, f 2, i 3, s 4, ints 8, type 20 (FLOAT 1, INT 2, STRING 3, INTS 7). */
function attribute(name: string, value: OnnxAttribute): Chunks {
  const head = text(1, name);
  if (typeof value === "number") return [...head, ...integer(3, value), ...integer(20, 2)];
  if (typeof value === "string") return [...head, ...text(4, value), ...integer(20, 3)];
  if ("float" in value) return [...head, ...float(2, value.float), ...integer(20, 1)];
  return [...head, ...value.flatMap((item) => integer(8, item)), ...integer(20, 7)];
}

/** NodeProto: input 1, output 2, name 3, op_type 4, attribute 5. */
export function nodeProto(
  op: string,
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, OnnxAttribute>>,
): Chunks {
  return [
    ...inputs.flatMap((input) => text(1, input)),
    ...outputs.flatMap((output) => text(2, output)),
    ...text(3, name),
    ...text(4, op),
    ...Object.entries(attributes).flatMap(([key, value]) => bytes(5, ...attribute(key, value))),
  ];
}

/** TensorProto: dims 1, data_type 2, name 8, raw_data 9 (little-endian, row-major). */
export function tensorProto({ name, type, shape }: OnnxValue, data: ArrayBufferView): Chunks {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return [
    ...shape.flatMap((size) => integer(1, size)),
    ...integer(2, ONNX_TYPE[type]),
    ...text(8, name),
    ...bytes(9, raw),
  ];
}

/** ValueInfoProto: name 1, type 2 > tensor_type 1 > elem_type 1, shape 2 > dim 1 > dim_value 1. */
function valueInfo({ name, type, shape }: OnnxValue): Chunks {
  const dims = shape.flatMap((size) => bytes(1, ...integer(1, size)));
  return [...text(1, name), ...bytes(2, ...bytes(1, ...integer(1, ONNX_TYPE[type]), ...bytes(2, ...dims)))];
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly Chunks[];
  readonly initializers: readonly Chunks[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/**
 * ModelProto: ir_version 1, producer_name 2, graph 7, opset_import 8 > version 2. GraphProto: node 1, name 2,
 * initializer 5, input 11, output 12.
 */
export function modelProto(graph: OnnxGraph, irVersion: number, opset: number): Uint8Array {
  const body = [
    ...graph.nodes.flatMap((node) => bytes(1, ...node)),
    ...text(2, graph.name),
    ...graph.initializers.flatMap((initializer) => bytes(5, ...initializer)),
    ...graph.inputs.flatMap((input) => bytes(11, ...valueInfo(input))),
    ...graph.outputs.flatMap((output) => bytes(12, ...valueInfo(output))),
  ];
  return concatenate([
    ...integer(1, irVersion),
    ...text(2, "synapse-host"),
    ...bytes(7, ...body),
    ...bytes(8, ...integer(2, opset)),
  ]);
}
