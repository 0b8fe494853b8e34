import { describe, expect, it } from "vitest";
import { LEWM_SMALL } from "./lewmShapes.js";
import { lewmEncoderOnnx } from "./onnxEncoder.js";
import { seededCheckpoint } from "./seededCheckpoint.js";

/**
 * Field number -> every value of it, length-delimited fields as bytes: enough protocol buffers to look at a graph from
 * outside.
 */
function decode(message: Uint8Array): Map<number, (Uint8Array | number)[]> {
  const fields = new Map<number, (Uint8Array | number)[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++] as number;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    let value: Uint8Array | number;
    if (tag % 8 === 0) value = varint();
    else {
      const length = tag % 8 === 2 ? varint() : 4;
      value = message.subarray(at, at + length);
      at += length;
    }
    const field = Math.floor(tag / 8);
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  expect(at).toBe(message.length);
  return fields;
}

const messages = (
  fields: Map<number, (Uint8Array | number)[]>,
  field: number,
): Map<number, (Uint8Array | number)[]>[] => (fields.get(field) ?? []).map((value) => decode(value as Uint8Array));
const texts = (fields: Map<number, (Uint8Array | number)[]>, field: number): string[] =>
  (fields.get(field) ?? []).map((value) => new TextDecoder().decode(value as Uint8Array));

interface DecodedGraph {
  readonly opCounts: Readonly<Record<string, number>>;
  readonly outputs: readonly string[];
  /** Values that a node reads and nothing before it made. */
  readonly undefinedInputs: readonly string[];
  readonly initializers: ReadonlyMap<
    string,
    { readonly dims: readonly number[]; readonly dataType: number; readonly raw: Uint8Array }
  >;
}

function decodeModel(file: Uint8Array): DecodedGraph {
  const graph = messages(decode(file), 7)[0];
  if (graph === undefined) throw new Error("no graph");
  const initializers = new Map(
    messages(graph, 5).map((tensor) => [
      texts(tensor, 8)[0] as string,
      {
        dims: (tensor.get(1) ?? []) as number[],
        dataType: tensor.get(2)?.[0] as number,
        raw: tensor.get(9)?.[0] as Uint8Array,
      },
    ]),
  );
  const known = new Set([...initializers.keys(), ...messages(graph, 11).flatMap((input) => texts(input, 1))]);
  const opCounts: Record<string, number> = {};
  const undefinedInputs: string[] = [];
  for (const node of messages(graph, 1)) {
    const op = texts(node, 4)[0] as string;
    opCounts[op] = (opCounts[op] ?? 0) + 1;
    undefinedInputs.push(...texts(node, 1).filter((input) => !known.has(input)));
    for (const output of texts(node, 2)) known.add(output);
  }
  return {
    opCounts,
    undefinedInputs,
    initializers,
    outputs: messages(graph, 12).flatMap((output) => texts(output, 1)),
  };
}

const BYTES_OF_TYPE: Readonly<Record<number, number>> = { 1: 4, 3: 1, 7: 8 };
// Six linear layers a block, the patches, and two in the projector.
const LINEARS = 6 * LEWM_SMALL.encoderLayers + 3;

describe("the encoder as an ONNX graph", () => {
  it.each(["f32", "int8"] as const)(
    "defines every value before it is read and sizes every constant (%s)",
    async (linearType) => {
      const graph = decodeModel(await lewmEncoderOnnx(seededCheckpoint(LEWM_SMALL, 1), LEWM_SMALL, linearType));
      expect(graph.undefinedInputs).toEqual([]);
      expect(graph.outputs).toEqual(["class_token", "latent"]);
      for (const [name, { dims, dataType, raw }] of graph.initializers) {
        expect(raw.length, name).toBe(
          dims.reduce((product, size) => product * size, BYTES_OF_TYPE[dataType] ?? Number.NaN),
        );
      }
    },
  );

  it("computes linear layers as matrix products in f32 and as quantised ones in int8", async () => {
    const f32 = decodeModel(await lewmEncoderOnnx(seededCheckpoint(LEWM_SMALL, 1), LEWM_SMALL, "f32"));
    const int8 = decodeModel(await lewmEncoderOnnx(seededCheckpoint(LEWM_SMALL, 1), LEWM_SMALL, "int8"));
    const attention = 2 * LEWM_SMALL.encoderLayers;
    expect(f32.opCounts).toMatchObject({ MatMul: LINEARS + attention, Gelu: LEWM_SMALL.encoderLayers + 1 });
    expect(int8.opCounts).toMatchObject({ MatMul: attention, MatMulInteger: LINEARS });
    // Query, key and value read one quantised activation.
    expect(int8.opCounts.DynamicQuantizeLinear).toBe(LINEARS - 2 * LEWM_SMALL.encoderLayers);
  });

  it("quantises each column of a weight so that its largest magnitude is 127", async () => {
    const { initializers } = decodeModel(await lewmEncoderOnnx(seededCheckpoint(LEWM_SMALL, 1), LEWM_SMALL, "int8"));
    const weights = [...initializers].filter(([name]) => name.endsWith(".weight_quantized"));
    expect(weights).toHaveLength(LINEARS);
    for (const [name, { dims, raw }] of weights) {
      const [inputs, outputs] = dims as [number, number];
      const values = new Int8Array(raw.slice().buffer);
      for (let n = 0; n < outputs; n++) {
        let largest = 0;
        for (let k = 0; k < inputs; k++) largest = Math.max(largest, Math.abs(values[k * outputs + n] as number));
        expect(largest, `${name} column ${n}`).toBe(127);
      }
    }
  });

  it("names the tensor that a checkpoint lacks", async () => {
    const whole = seededCheckpoint(LEWM_SMALL, 1);
    const tensors = new Map([...whole.tensors].filter(([name]) => name !== "projector.net.3.bias"));
    await expect(lewmEncoderOnnx({ ...whole, tensors }, LEWM_SMALL, "f32")).rejects.toThrow(/projector\.net\.3\.bias/);
  });
});
